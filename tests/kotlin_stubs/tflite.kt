package org.tensorflow.lite

import java.nio.ByteBuffer
import report.Seen

/** Answers 0, 1, 2, ... in as many bytes as there is room for: five logits, in float32 or in int8. */
class Interpreter(model: ByteBuffer, options: Options) {
    class Options {
        fun setNumThreads(numThreads: Int): Options = this
    }

    fun run(input: Any, output: Any) {
        Seen.bytes(input as ByteBuffer)
        val room = output as ByteBuffer
        val floats = room.remaining() == 5 * 4
        for (logit in 0 until 5) if (floats) room.putFloat(logit.toFloat()) else room.put(logit.toByte())
    }
}
