package android.graphics

import java.nio.ByteBuffer

/** As Android's, it keeps colours multiplied by alpha, and hands them out divided by it again: 0xAARRGGBB. */
class Bitmap private constructor(val width: Int, val height: Int, internal val pixels: IntArray) {
    enum class Config { ARGB_8888 }

    init {
        require(width > 0 && height > 0) { "width and height must be > 0" }
    }

    private val isTransparent = pixels.any { it ushr 24 != 0xFF }

    fun hasAlpha() = isTransparent

    fun copy(config: Config, isMutable: Boolean) = Bitmap(width, height, pixels.copyOf())

    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int) {
        require(x >= 0 && y >= 0 && x + width <= this.width && y + height <= this.height)
        for (row in 0 until height) {
            for (column in 0 until width) {
                pixels[offset + row * stride + column] = divided(this.pixels[(y + row) * this.width + x + column])
            }
        }
    }

    companion object {
        @JvmStatic
        fun createBitmap(colors: IntArray, width: Int, height: Int, config: Config) =
            Bitmap(width, height, IntArray(width * height) { multiplied(colors[it]) })

        @JvmStatic
        fun createBitmap(source: Bitmap, x: Int, y: Int, width: Int, height: Int, m: Matrix, filter: Boolean): Bitmap {
            require(x == 0 && y == 0 && width == source.width && height == source.height && !filter)
            val (newWidth, newHeight) = if (m.swaps) Pair(height, width) else Pair(width, height)
            val turned = IntArray(width * height)
            for (row in 0 until height) {
                for (column in 0 until width) {
                    val (right, down) = m.mapped(2 * column + 1 - width, 2 * row + 1 - height)
                    val place = (down + newHeight - 1) / 2 * newWidth + (right + newWidth - 1) / 2
                    turned[place] = source.pixels[row * width + column]
                }
            }
            return Bitmap(newWidth, newHeight, turned)
        }

        private fun multiplied(color: Int) = changed(color) { value, alpha -> (value * alpha + 127) / 255 }

        private fun divided(color: Int) = changed(color) { value, alpha ->
            if (alpha == 0) 0 else (value * 255 + alpha / 2) / alpha
        }

        private fun changed(color: Int, change: (Int, Int) -> Int): Int {
            val alpha = color ushr 24
            if (alpha == 0xFF) return color
            return listOf(16, 8, 0).fold(alpha shl 24) { made, shift ->
                made or (change((color shr shift) and 0xFF, alpha) shl shift)
            }
        }
    }
}

/** A turn by quarters, or a mirroring; y runs downwards, and positive angles clockwise. */
class Matrix {
    private var rows = listOf(1, 0, 0, 1)

    internal val swaps get() = rows[0] == 0

    fun setScale(sx: Float, sy: Float) {
        rows = listOf(sx.toInt(), 0, 0, sy.toInt())
    }

    fun setRotate(degrees: Float) {
        rows = mapOf(
            90f to listOf(0, -1, 1, 0), 180f to listOf(-1, 0, 0, -1), 270f to listOf(0, 1, -1, 0),
        ).getValue(degrees)
    }

    fun postScale(sx: Float, sy: Float): Boolean {
        rows = rows.mapIndexed { i, value -> value * (if (i < 2) sx else sy).toInt() }
        return true
    }

    internal fun mapped(x: Int, y: Int) = Pair(rows[0] * x + rows[1] * y, rows[2] * x + rows[3] * y)
}

/** Reads what `tests/photos.py` writes instead of a format: orientation, width, height, and pixels 0xAARRGGBB. */
object BitmapFactory {
    @JvmStatic
    fun decodeByteArray(data: ByteArray, offset: Int, length: Int): Bitmap? {
        val numbers = ByteBuffer.wrap(data, offset, length).asIntBuffer()
        val (width, height) = Pair(numbers[1], numbers[2])
        return Bitmap.createBitmap(IntArray(width * height) { numbers[3 + it] }, width, height, Bitmap.Config.ARGB_8888)
    }
}

class Paint {
    enum class Style { STROKE }

    var style = Style.STROKE
    var color = Color.TRANSPARENT
}

/** Prints what it is asked to draw. */
class Canvas(bitmap: Bitmap) {
    fun drawRect(left: Float, top: Float, right: Float, bottom: Float, paint: Paint) = println("drawn $left,$top,$right,$bottom")
}

object Color {
    const val TRANSPARENT = 0
    const val RED = -0x10000

    @JvmStatic
    fun argb(alpha: Int, red: Int, green: Int, blue: Int) = (alpha shl 24) or (red shl 16) or (green shl 8) or blue

    @JvmStatic
    fun rgb(red: Int, green: Int, blue: Int) = (0xFF shl 24) or (red shl 16) or (green shl 8) or blue
}
