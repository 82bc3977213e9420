package ai.onnxruntime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import report.Seen

enum class OnnxJavaType { FLOAT, INT8, UINT8 }

interface OnnxValue : AutoCloseable

/** As ONNX Runtime's, it copies its values, and has none in float32 where it has integers. */
class OnnxTensor(val type: OnnxJavaType, private val data: ByteBuffer) : OnnxValue {
    val byteBuffer: ByteBuffer
        get() = ByteBuffer.allocate(data.capacity()).order(ByteOrder.nativeOrder()).put(data.duplicate()).apply { rewind() }
    val floatBuffer: FloatBuffer
        get() = if (type == OnnxJavaType.FLOAT) byteBuffer.asFloatBuffer() else throw NullPointerException()

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
            return OnnxTensor(type, data)
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

/** Answers 0, 1, 2, ... in the shape of `Seen.output`: in int8 where int8 goes in, otherwise in float32. */
class OrtSession {
    fun run(inputs: Map<String, OnnxTensor>): Result {
        val (name, tensor) = inputs.entries.single()
        Seen.input = name
        val integer = tensor.type == OnnxJavaType.INT8
        val count = Seen.output.reduce(Int::times)
        val data = ByteBuffer.allocate(if (integer) count else 4 * count).order(ByteOrder.nativeOrder())
        for (value in 0 until count) if (integer) data.put(value.toByte()) else data.putFloat(value.toFloat())
        data.rewind()
        return Result(OnnxTensor(if (integer) OnnxJavaType.INT8 else OnnxJavaType.FLOAT, data))
    }

    class Result(private val output: OnnxValue) : AutoCloseable {
        operator fun get(index: Int): OnnxValue = output

        override fun close() = Unit
    }
}
