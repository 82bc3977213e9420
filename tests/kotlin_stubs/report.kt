package report

import android.content.AssetManager
import android.content.Context
import android.graphics.Bitmap
import java.nio.ByteBuffer

/** What the generated code last asked for. */
object Seen {
    var asset = ""
    var input = ""
    var shape = ""
    var bytes = ""

    /** The shape of the output of every model; its values are 0, 1, 2, ... */
    var output = intArrayOf(1, 5)

    /** Keeps what is left in a buffer, without moving its position. */
    fun bytes(data: ByteBuffer) {
        val left = data.duplicate()
        bytes = ByteArray(left.remaining()).also { left.get(it) }.joinToString("") { "%02x".format(it) }
    }
}

/** Red grows to the right, green downwards and blue against both; in a `holed` photo every ninth pixel is transparent. */
fun photo(width: Int, height: Int, holed: Boolean): Bitmap {
    val colours = IntArray(width * height) {
        val (x, y) = Pair(it % width, it / width)
        val opaque = if (holed && it % 9 == 0) 0 else 0xFF
        (opaque shl 24) or ((2 * x) shl 16) or ((2 * y) shl 8) or (255 - x - y)
    }
    return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888)
}

/** Classifies one photo and prints a line of what was seen: texts as UTF-16 in hexadecimal digits. */
fun report(case: String, labels: List<String>, classify: (Context, Bitmap) -> FloatArray) {
    val logits = run(photo(48, 40, false), classify).joinToString(",")
    println(listOf(case, hex(Seen.asset), hex(Seen.input), logits, labels.joinToString(",") { hex(it) }).joinToString(" "))
}

/** The same, but prints the shape, if the runtime is told one, and the bytes of the input. */
fun reportInput(case: String, photo: Bitmap, classify: (Context, Bitmap) -> FloatArray) {
    run(photo, classify)
    println("$case ${Seen.shape} ${Seen.bytes}")
}

private fun run(photo: Bitmap, classify: (Context, Bitmap) -> FloatArray): FloatArray {
    Seen.input = ""
    Seen.shape = ""
    val app = object : Context() {
        override val assets = AssetManager()
    }
    return classify(app, photo)
}

private fun hex(text: String) = text.map { it.code.toString(16).padStart(4, '0') }.joinToString("")
