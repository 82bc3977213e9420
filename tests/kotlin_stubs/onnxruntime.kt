package ai.onnxruntime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import report.Seen

enum class OnnxJavaType { FLOAT, INT8, UINT8 }

class OnnxTensor(val type: OnnxJavaType) : AutoCloseable {
    override fun close() = Unit

    companion object {
        @JvmStatic
        fun createTensor(env: OrtEnvironment, data: FloatBuffer, shape: LongArray): OnnxTensor {
            val bytes = ByteBuffer.allocate(data.remaining() * 4).order(ByteOrder.nativeOrder())
            bytes.asFloatBuffer().put(data.duplicate())
            return createTensor(env, bytes, shape, OnnxJavaType.FLOAT)
        }

        @JvmStatic
        fun createTensor(env: OrtEnvironment, data: ByteBuffer, shape: LongArray, type: OnnxJavaType): OnnxTensor {
            Seen.shape = shape.joinToString("x")
            Seen.bytes(data)
            return OnnxTensor(type)
        }
    }
}

class OrtEnvironment {
    fun createSession(modelArray: ByteArray) = OrtSession()

    companion object {
        @JvmStatic
        fun getEnvironment() = OrtEnvironment()
    }
}

interface OnnxValue {
    val value: Any
}

/** Answers 0, 1, 2, 3, 4: in int8 where int8 goes in, otherwise in float32. */
class OrtSession {
    fun run(inputs: Map<String, OnnxTensor>): Result {
        val (name, tensor) = inputs.entries.single()
        Seen.input = name
        val integer = tensor.type == OnnxJavaType.INT8
        return Result(if (integer) arrayOf(ByteArray(5) { it.toByte() }) else arrayOf(FloatArray(5) { it.toFloat() }))
    }

    class Result(private val logits: Any) : AutoCloseable {
        operator fun get(index: Int): OnnxValue = object : OnnxValue {
            override val value = logits
        }

        override fun close() = Unit
    }
}
