import Glibc

/// Names of files that are not text: they could not be spoken of in a message, nor be opened by a
/// `String`.
package enum UnreadableNames {
    /// Gives each such file of a folder a name that says so.
    package static func replace(in folder: String) {
        guard let directory = opendir(folder) else { return }
        defer { closedir(directory) }
        var unreadable: [[CChar]] = []
        while let entry = readdir(directory) {
            withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    let bytes = Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
                    if String(validating: bytes.dropLast(), as: UTF8.self) == nil { unreadable.append(bytes) }
                }
            }
        }
        let descriptor = dirfd(directory)
        for name in unreadable { renameat(descriptor, name, descriptor, "name-is-not-utf8-\(UInt32.random(in: .min ... .max))") }
    }
}
