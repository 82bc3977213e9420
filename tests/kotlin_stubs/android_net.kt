package android.net

class Uri(val name: String)
