"""Kotlin code that makes classes of a photo's pixels of a segmenter's output; for generated classes."""

from string import Template

from ca_deploy.tasks._class_map_code import Pieces

_HEAD = """/**
 * The class of each pixel of an upright photo, row by row, a place in [LABELS]; -1 where the network did not see it.
 * For a smaller map, which is faster, give its width and height.
 */
fun Segmenter.segment(photo: Bitmap, width: Int = photo.width, height: Int = photo.height): IntArray {
    val outputs = $call
    val values = $values
    val place = placement(photo)
    fun column(x: Int) = ((x + 0.5) * photo.width / width * place.x + place.left) * $width / $input_width
    fun row(y: Int) = ((y + 0.5) * photo.height / height * place.y + place.top) * $height / $input_height
"""

_SCORES = Template(
    _HEAD
    + """    val columns = Array(width) { Between(column(it), $width) }
    val classes = IntArray(width * height) { -1 }
    val line = FloatArray($channels * $width)
    for (y in 0 until height) {
        val rows = Between(row(y), $height)
        if (!rows.isSeen) continue
        for (i in line.indices) {
            val start = i / $width * $height * $width + i % $width
            line[i] = rows.mean(values[start + rows.first * $width], values[start + rows.second * $width])
        }
        for (x in 0 until width) {
            val cells = columns[x]
            if (!cells.isSeen) continue
            var most = $lowest
            classes[y * width + x] = 0
            for (number in 0 until $channels) {
                val value = cells.mean(line[number * $width + cells.first], line[number * $width + cells.second])
                if (value > most) {
                    most = value
                    classes[y * width + x] = $number
                }
            }
        }
    }
    return classes
}

/** The two of `count` cells between which a place lies; cell `i` has its centre at `i + 0.5`. */
private class Between(place: Double, count: Int) {
    val isSeen = place >= 0 && place < count
    private val kept = (place - 0.5).coerceIn(0.0, count - 1.0)
    val first = minOf(kept.toInt(), maxOf(count - 2, 0))
    val second = minOf(first + 1, count - 1)
    private val share = (kept - first).toFloat()

    fun mean(low: Float, high: Float) = low + share * (high - low)
}"""
)

_CLASSES = Template(
    _HEAD
    + """    return IntArray(width * height) {
        val x = kotlin.math.floor(column(it % width)).toInt()
        val y = kotlin.math.floor(row(it / width)).toInt()
        if (x in 0 until $width && y in 0 until $height) values[y * $width + x].toInt() else -1
    }
}"""
)

KOTLIN = Pieces(_SCORES, _CLASSES, "Float.NEGATIVE_INFINITY", "f")
