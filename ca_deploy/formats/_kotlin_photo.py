"""What written Kotlin does to every photo: opens it upright, puts white behind it, and scales it.

Android's own scaling looks at four pixels of the photo, whatever its size. This is Pillow's: a triangle as wide as a
pixel of the result, weights of 22 bits, rows first, and 8 bits between the passes. The same to the bit as before
version 13; from then on Pillow scales columns first where that is less work, which changes some pixels by one.

Source: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c and its pull request 9549
"""

OPEN_PHOTO = """/**
 * A photo, upright: turned as its EXIF orientation says. From a Uri:
 * `contentResolver.openInputStream(uri)!!.use { openPhoto(it) }`.
 */
fun openPhoto(stream: InputStream): Bitmap {
    val file = stream.readBytes()
    val photo = requireNotNull(BitmapFactory.decodeByteArray(file, 0, file.size)) { "Android cannot read this photo." }
    val exif = ExifInterface(file.inputStream())
    val turn = Matrix()
    when (exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)) {
        ExifInterface.ORIENTATION_FLIP_HORIZONTAL -> turn.setScale(-1f, 1f)
        ExifInterface.ORIENTATION_ROTATE_180 -> turn.setRotate(180f)
        ExifInterface.ORIENTATION_FLIP_VERTICAL -> turn.setScale(1f, -1f)
        ExifInterface.ORIENTATION_TRANSPOSE -> turn.apply { setRotate(90f) }.postScale(-1f, 1f)
        ExifInterface.ORIENTATION_ROTATE_90 -> turn.setRotate(90f)
        ExifInterface.ORIENTATION_TRANSVERSE -> turn.apply { setRotate(270f) }.postScale(-1f, 1f)
        ExifInterface.ORIENTATION_ROTATE_270 -> turn.setRotate(270f)
    }
    return Bitmap.createBitmap(photo, 0, 0, photo.width, photo.height, turn, false)
}"""

OPAQUE = """/** A part of a photo, blended with white where it is transparent. */
private fun opaque(bitmap: Bitmap, x: Int, y: Int, width: Int, height: Int): IntArray {
    val pixels = IntArray(width * height)
    bitmap.getPixels(pixels, 0, width, x, y, width, height)
    if (bitmap.hasAlpha()) {
        for (i in pixels.indices) pixels[i] = onWhite(pixels[i])
    }
    return pixels
}

private fun onWhite(pixel: Int): Int {
    val alpha = pixel ushr 24
    fun blended(shift: Int) = (((pixel shr shift) and 0xFF) * alpha + 255 * (255 - alpha) + 127) / 255
    return (0xFF shl 24) or (blended(16) shl 16) or (blended(8) shl 8) or blended(0)
}"""

FILTER = """/**
 * Pillow's antialiased bilinear filter along one side: how pixels `first until first + count` of a side of `to` pixels
 * are made of one of `from` pixels. Weights are in units of 2^-22.
 */
private class Filter(val from: Int, to: Int, first: Int, val count: Int) {
    private val starts = IntArray(count)
    private val weights = Array(count) { i ->
        val scale = from.toDouble() / to
        val reach = maxOf(scale, 1.0)
        val centre = (first + i + 0.5) * scale
        starts[i] = maxOf(0, (centre - reach + 0.5).toInt())
        val end = minOf(from, (centre + reach + 0.5).toInt())
        val shares = DoubleArray(end - starts[i]) { maxOf(0.0, 1 - abs((starts[i] + it - centre + 0.5) * (1 / reach))) }
        val sum = shares.sum()
        IntArray(shares.size) { (shares[it] / sum * (1 shl 22) + 0.5).toInt() }
    }

    /** The pixels that are looked at: `start until end`. */
    val start = starts.first()
    val end = starts.last() + weights.last().size

    /** Pixel `i` of those that lie `step` apart in `pixels`, where [start] is at `offset`. */
    fun mean(i: Int, pixels: IntArray, offset: Int, step: Int): Int {
        var red = 1 shl 21
        var green = 1 shl 21
        var blue = 1 shl 21
        var place = offset + (starts[i] - start) * step
        for (weight in weights[i]) {
            val pixel = pixels[place]
            red += ((pixel shr 16) and 0xFF) * weight
            green += ((pixel shr 8) and 0xFF) * weight
            blue += (pixel and 0xFF) * weight
            place += step
        }
        return (0xFF shl 24) or ((red shr 22) shl 16) or ((green shr 22) shl 8) or (blue shr 22)
    }
}"""

SCALED = """/** A photo scaled as Pillow does it, rows first; of a side that is longer than `from`, the centre. */
private fun scaled(bitmap: Bitmap, columns: Filter, rows: Filter): IntArray {
    val x = (bitmap.width - columns.from) / 2 + columns.start
    val y = (bitmap.height - rows.from) / 2
    val narrow = IntArray((rows.end - rows.start) * columns.count)
    for (row in rows.start until rows.end) {
        val line = opaque(bitmap, x, y + row, columns.end - columns.start, 1)
        val place = (row - rows.start) * columns.count
        for (column in 0 until columns.count) narrow[place + column] = columns.mean(column, line, 0, 1)
    }
    return IntArray(rows.count * columns.count) {
        rows.mean(it / columns.count, narrow, it % columns.count, columns.count)
    }
}"""

GREY = """/** Brightness of a pixel, 0..255 (ITU-R 601). */
private fun grey(pixel: Int): Int =
    (19595 * ((pixel shr 16) and 0xFF) + 38470 * ((pixel shr 8) and 0xFF) + 7471 * (pixel and 0xFF) + 0x8000) shr 16"""
