package org.tensorflow.lite

import java.nio.ByteBuffer
import report.Seen

/** Answers 0, 1, 2, ... in float32 or in int8, for which there has to be exactly enough room. */
class Interpreter(model: ByteBuffer, options: Options) {
    class Options {
        fun setNumThreads(numThreads: Int): Options = this
    }

    fun runForMultipleInputsOutputs(inputs: Array<Any>, outputs: Map<Int, Any>) {
        inputs.forEachIndexed { place, input -> Seen.fed["$place"] = Seen.hexadecimal(input as ByteBuffer) }
        Seen.given.forEachIndexed { place, output ->
            val (room, content) = Pair(outputs.getValue(place) as ByteBuffer, output.content)
            require(room.remaining() == content.remaining()) { "${room.remaining()} bytes for ${content.remaining()}" }
            room.put(content)
        }
    }

    fun run(input: Any, output: Any) {
        if (Seen.given.isNotEmpty()) return runForMultipleInputsOutputs(arrayOf(input), mapOf(0 to output))
        Seen.bytes(input as ByteBuffer)
        val room = output as ByteBuffer
        val count = Seen.output.reduce(Int::times)
        require(room.remaining() in listOf(count, 4 * count)) { "a buffer of ${room.remaining()} bytes for $count values" }
        val floats = room.remaining() == 4 * count
        for (value in 0 until count) if (floats) room.putFloat(value.toFloat()) else room.put(value.toByte())
    }
}
