package report

import android.content.AssetManager
import android.content.Context
import android.graphics.Bitmap
import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.HexFormat

/** A tensor that a model gives: a type of ONNX in capitals, and a shape. Its values are 0, 1, 2, ... or a file's. */
class Given(val type: String, vararg val shape: Int, private val file: String? = null) {
    val content: ByteBuffer
        get() {
            if (file != null) return ByteBuffer.wrap(File(file).readBytes()).order(ByteOrder.nativeOrder())
            val count = shape.reduce(Int::times)
            val data = ByteBuffer.allocate(8 * count).order(ByteOrder.nativeOrder())
            for (value in 0 until count) {
                when (type) {
                    "FLOAT" -> data.putFloat(value.toFloat())
                    "INT64" -> data.putLong(value.toLong())
                    "INT32" -> data.putInt(value)
                    else -> data.put(value.toByte())
                }
            }
            return data.flip()
        }
}

/** What the generated code last asked for. */
object Seen {
    var asset = ""
    var input = ""
    var shape = ""
    var bytes = ""

    /** The shape of the output of every model; its values are 0, 1, 2, ... */
    var output = intArrayOf(1, 5)

    /** The outputs of every model that has other ones than `output`. */
    var given = listOf<Given>()

    /** By input, its name or its place, the shape if the runtime is told one, and the bytes. */
    val fed = linkedMapOf<String, String>()

    /** Keeps what is left in a buffer, without moving its position. */
    fun bytes(data: ByteBuffer) {
        bytes = hexadecimal(data)
    }

    fun hexadecimal(data: ByteBuffer): String {
        val left = data.duplicate()
        return HexFormat.of().formatHex(ByteArray(left.remaining()).also { left.get(it) })
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

/** A file in the working folder. */
fun stream(name: String): InputStream = File(name).inputStream()

fun app() = object : Context() {
    override val assets = AssetManager()
}

/** Prints what several inputs were fed, their names as UTF-16, and the arrays that were returned. */
fun reportAll(case: String, outputs: List<String>) {
    for ((input, fed) in Seen.fed) println("$case fed ${hex(input)} $fed")
    for (output in outputs) println("$case gave $output")
    Seen.fed.clear()
}

private fun run(photo: Bitmap, classify: (Context, Bitmap) -> FloatArray): FloatArray {
    Seen.input = ""
    Seen.shape = ""
    return classify(app(), photo)
}

fun hex(text: String) = text.map { it.code.toString(16).padStart(4, '0') }.joinToString("")
