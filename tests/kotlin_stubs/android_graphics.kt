package android.graphics

import kotlin.math.floor
import kotlin.math.roundToInt

/** Pixels are 0xAARRGGBB, as Android hands them out: colours are not multiplied by alpha. */
class Bitmap private constructor(val width: Int, val height: Int, val isMutable: Boolean, internal val pixels: IntArray) {
    enum class Config { ARGB_8888 }

    init {
        require(width > 0 && height > 0) { "width and height must be > 0" }
    }

    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int) {
        for (row in 0 until height) {
            val start = (y + row) * this.width + x
            this.pixels.copyInto(pixels, offset + row * stride, start, start + width)
        }
    }

    companion object {
        @JvmStatic
        fun createBitmap(colors: IntArray, width: Int, height: Int, config: Config) =
            Bitmap(width, height, false, colors.copyOf(width * height))

        @JvmStatic
        fun createBitmap(width: Int, height: Int, config: Config) =
            Bitmap(width, height, true, IntArray(width * height))

        @JvmStatic
        fun createBitmap(source: Bitmap, x: Int, y: Int, width: Int, height: Int): Bitmap {
            require(x >= 0 && y >= 0 && x + width <= source.width && y + height <= source.height)
            if (!source.isMutable && width == source.width && height == source.height) return source
            return Bitmap(width, height, true, IntArray(width * height).also { source.getPixels(it, 0, width, x, y, width, height) })
        }

        @JvmStatic
        fun createScaledBitmap(src: Bitmap, dstWidth: Int, dstHeight: Int, filter: Boolean): Bitmap {
            if (!src.isMutable && dstWidth == src.width && dstHeight == src.height) return src
            val scaled = createBitmap(dstWidth, dstHeight, Config.ARGB_8888)
            val paint = if (filter) Paint(Paint.FILTER_BITMAP_FLAG) else null
            Canvas(scaled).drawBitmap(src, null, Rect(0, 0, dstWidth, dstHeight), paint)
            return scaled
        }
    }
}

class Rect(@JvmField var left: Int, @JvmField var top: Int, @JvmField var right: Int, @JvmField var bottom: Int) {
    fun width() = right - left

    fun height() = bottom - top

    fun offset(dx: Int, dy: Int) {
        left += dx
        right += dx
        top += dy
        bottom += dy
    }
}

class Paint(val flags: Int) {
    constructor() : this(0)

    var color = Color.BLACK

    companion object {
        const val FILTER_BITMAP_FLAG = 2
    }
}

object Color {
    const val BLACK = -0x1000000
    const val WHITE = -1

    @JvmStatic
    fun rgb(red: Int, green: Int, blue: Int) = BLACK or (red shl 16) or (green shl 8) or blue

    @JvmStatic
    fun red(color: Int) = (color shr 16) and 0xFF

    @JvmStatic
    fun green(color: Int) = (color shr 8) and 0xFF

    @JvmStatic
    fun blue(color: Int) = color and 0xFF
}

/** Draws over what is there, by alpha; what lies outside of the bitmap is lost. */
class Canvas(private val bitmap: Bitmap) {
    init {
        check(bitmap.isMutable) { "Immutable bitmap passed to Canvas constructor" }
    }

    fun drawColor(color: Int) = draw(Rect(0, 0, bitmap.width, bitmap.height)) { _, _ -> multiplied(color) }

    fun drawRect(r: Rect, paint: Paint) = draw(r) { _, _ -> multiplied(paint.color) }

    /** With the filter between the four nearest pixels, without it the nearest one. */
    fun drawBitmap(bitmap: Bitmap, src: Rect?, dst: Rect, paint: Paint?) {
        val from = src ?: Rect(0, 0, bitmap.width, bitmap.height)
        val filtered = ((paint?.flags ?: 0) and Paint.FILTER_BITMAP_FLAG) != 0

        fun at(x: Int, y: Int): DoubleArray {
            val row = y.coerceIn(from.top, from.bottom - 1)
            return multiplied(bitmap.pixels[row * bitmap.width + x.coerceIn(from.left, from.right - 1)])
        }
        draw(dst) { x, y ->
            val u = from.left + (x + 0.5 - dst.left) * from.width() / dst.width()
            val v = from.top + (y + 0.5 - dst.top) * from.height() / dst.height()
            if (filtered) {
                val (left, top) = Pair(floor(u - 0.5), floor(v - 0.5))
                val (right, below) = Pair(u - 0.5 - left, v - 0.5 - top)
                val (column, row) = Pair(left.toInt(), top.toInt())
                DoubleArray(4) {
                    val above = at(column, row)[it] * (1 - right) + at(column + 1, row)[it] * right
                    val under = at(column, row + 1)[it] * (1 - right) + at(column + 1, row + 1)[it] * right
                    above * (1 - below) + under * below
                }
            } else {
                at(floor(u).toInt(), floor(v).toInt())
            }
        }
    }

    private fun draw(place: Rect, source: (Int, Int) -> DoubleArray) {
        for (y in maxOf(0, place.top) until minOf(bitmap.height, place.bottom)) {
            for (x in maxOf(0, place.left) until minOf(bitmap.width, place.right)) {
                val over = source(x, y)
                val under = multiplied(bitmap.pixels[y * bitmap.width + x])
                bitmap.pixels[y * bitmap.width + x] = packed(DoubleArray(4) { over[it] + under[it] * (1 - over[0]) })
            }
        }
    }

    /** Alpha 0..1, and red, green and blue 0..255 multiplied by it. */
    private fun multiplied(color: Int): DoubleArray {
        val alpha = (color ushr 24) / 255.0
        return doubleArrayOf(alpha, alpha * Color.red(color), alpha * Color.green(color), alpha * Color.blue(color))
    }

    private fun packed(channels: DoubleArray): Int {
        val (red, green, blue) = (1..3).map { if (channels[0] > 0) (channels[it] / channels[0]).roundToInt() else 0 }
        return ((channels[0] * 255).roundToInt() shl 24) or (Color.rgb(red, green, blue) and 0xFFFFFF)
    }
}
