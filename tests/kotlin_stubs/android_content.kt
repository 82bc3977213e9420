package android.content

import android.net.Uri
import java.io.File
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

/** The address of a file is its name. */
class ContentResolver {
    fun openInputStream(uri: Uri): InputStream? = File(uri.name).inputStream()
}
