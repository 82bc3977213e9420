package android.graphics

/** A photo that is all of one colour. */
class Bitmap(private val colour: Int) {
    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int) {
        for (row in 0 until height) pixels.fill(colour, offset + row * stride, offset + row * stride + width)
    }

    companion object {
        @JvmStatic
        fun createScaledBitmap(source: Bitmap, width: Int, height: Int, filter: Boolean): Bitmap = source
    }
}
