package android.content

import java.io.InputStream
import report.Seen

abstract class Context {
    abstract val assets: AssetManager
}

class AssetManager {
    fun open(fileName: String): InputStream {
        Seen.asset = fileName
        return ByteArray(8).inputStream()
    }
}
