"""Kotlin code that makes detections of a detector's outputs; for generated classes."""

from string import Template

from ca_deploy.tasks._detection_code import Pieces

_DETECTION = Template("""\
/** What is seen: its sides in the photo's pixels, its probability, and its class, a place in [LABELS]. */
class Detection(
    val left: Float, val top: Float, val right: Float, val bottom: Float, val score: Float, val number: Int
) {
    val label: String get() = LABELS.getOrElse(number) { "class " + number }
}""")

_PLACED = """    val place = placement(photo)
    fun x(corner: Double) = (($x - place.left) / place.x).coerceIn(0.0, photo.width.toDouble()).toFloat()
    fun y(corner: Double) = (($y - place.top) / place.y).coerceIn(0.0, photo.height.toDouble()).toFloat()
"""

_DETECT = Template(
    """\
/**
 * What is seen in an upright photo with a probability of `leastScore` or more, the most certain first. Of boxes of one
 * class that overlap by more than `mostIou` (intersection over union), the most certain is kept.
 */
fun Detector.detect(photo: Bitmap, leastScore: Float = 0.3f, mostIou: Float = 0.5f): List<Detection> {
    val outputs = $call
    val sides = $sides
    val scores = $scores
"""
    + _PLACED
    + """    val found = mutableListOf<Detection>()
    for (number in 0 until $classes) {
        val likely = (0 until sides.size / 4).filter { scores[$classes * it + number] >= leastScore }
        val kept = mutableListOf<Detection>()
        for (box in likely.sortedByDescending { scores[$classes * it + number] }) {
            val (left, top, right, bottom) = sides.slice(4 * box until 4 * box + 4)
            val one = Detection(x(left), y(top), x(right), y(bottom), scores[$classes * box + number], number)
            if (kept.all { iou(it, one) <= mostIou }) kept += one
        }
        found += kept
    }
    return found.sortedByDescending { it.score }
}

/** What two boxes have in common, as a part of what they cover together. */
private fun iou(one: Detection, other: Detection): Double {
    fun side(low: Float, high: Float) = maxOf(0.0, high.toDouble() - low)
    fun area(box: Detection) = side(box.left, box.right) * side(box.top, box.bottom)
    val width = side(maxOf(one.left, other.left), minOf(one.right, other.right))
    val common = width * side(maxOf(one.top, other.top), minOf(one.bottom, other.bottom))
    return if (common > 0) common / (area(one) + area(other) - common) else 0.0
}"""
)

_LISTED = Template(
    """\
/**
 * What is seen in an upright photo with a probability of `leastScore` or more, the most certain first. Of boxes that
 * overlap, the file itself has kept the most certain.
 */
fun Detector.detect(photo: Bitmap, leastScore: Float = 0.3f): List<Detection> {
    val outputs = $call
    val sides = $boxes // of each box: top, left, bottom, right
    val scores = $scores
    val numbers = $kinds
"""
    + _PLACED
    + """    return (0 until $counts[0].toInt()).filter { scores[it] >= leastScore }.map {
        val (top, left, bottom, right) = sides.slice(4 * it until 4 * it + 4).map { side -> side.toDouble() }
        Detection(x(left), y(top), x(right), y(bottom), scores[it], numbers[it].toInt())
    }
}"""
)

_COLUMNS = Template("""\
/** Rows of an output, from the `first` one, as columns: all numbers of a box side by side. */
private fun columns(rows: FloatArray, first: Int, count: Int) =
    FloatArray(count * $count) { rows[(first + it % count) * $count + it / count] }""")

_OFFSETS = Template("""\
/** The anchors of a map: in each cell, row by row, one of each width and height, in parts of the input's sides. */
private class Anchors(val rows: Int, val columns: Int, vararg val sizes: Double)

private val ANCHORS = listOf(
    $anchors
)

/** What the network's offsets in x, y, width and height are multiplied by. */
private val VARIANCES = doubleArrayOf($variances)

/** Offsets to the anchors as left, top, right, bottom in parts of the input's sides. */
private fun offsets(values: FloatArray): DoubleArray {
    val corners = DoubleArray(values.size)
    var place = 0
    fun decode(axis: Int, anchor: Double, size: Double) {
        val centre = values[place + axis] * VARIANCES[axis] * size + anchor
        val growth = minOf(values[place + axis + 2] * VARIANCES[axis + 2], $largest)
        val half = kotlin.math.exp(growth) * size / 2
        corners[place + axis] = centre - half
        corners[place + axis + 2] = centre + half
    }
    for (map in ANCHORS) for (row in 0 until map.rows) for (column in 0 until map.columns) {
        for (size in map.sizes.indices step 2) {
            decode(0, (column + 0.5) / map.columns, map.sizes[size])
            decode(1, (row + 0.5) / map.rows, map.sizes[size + 1])
            place += 4
        }
    }
    return corners
}""")

_CENTRES = Template("""\
/** Centre x, centre y, width and height as left, top, right, bottom. */
private fun centres(values: FloatArray) = DoubleArray(values.size) {
    val axis = it - it % 4 + it % 2
    values[axis] + (if (it % 4 < 2) -0.5 else 0.5) * values[axis + 2]
}""")

_CORNERS = Template("""\
/** Left, top, right, bottom as they are. */
private fun corners(values: FloatArray) = DoubleArray(values.size) { values[it].toDouble() }""")

_SOFTMAX = Template("""\
/** Logits, of each box that of the background first, as probabilities of the classes. */
private fun softmax(values: FloatArray): FloatArray {
    val shares = FloatArray(values.size / $values * $classes)
    for (box in 0 until values.size / $values) {
        val row = values.copyOfRange($values * box, $values * (box + 1))
        val largest = row.max() // so that no power is infinite
        val powers = DoubleArray($values) { kotlin.math.exp(row[it].toDouble() - largest) }
        val sum = powers.sum()
        for (number in 0 until $classes) shares[$classes * box + number] = (powers[number + 1] / sum).toFloat()
    }
    return shares
}""")

_SIGMOID = Template("""\
/** Logits as probabilities, each on its own. */
private fun sigmoid(values: FloatArray) =
    FloatArray(values.size) { (1 / (1 + kotlin.math.exp(-values[it].toDouble()))).toFloat() }""")

KOTLIN = Pieces(
    detection=_DETECTION,
    listed=_LISTED,
    detect=_DETECT,
    columns=_COLUMNS,
    offsets=_OFFSETS,
    anchors=Template("Anchors($rows, $columns, $sizes),"),
    centres=_CENTRES,
    corners=_CORNERS,
    softmax=_SOFTMAX,
    sigmoid=_SIGMOID,
)
