/// Who carries out file operations: the operating system, or in trials something between it and the
/// program that fails, dies or takes notes.
package protocol FileSystem: Sendable {
    /// - Returns: what the operation's case says, else 0.
    /// - Throws: ``StorageError`` with the operation's word and path.
    func perform(_ operation: FileOperation) throws(StorageError) -> Int
    /// Names in a folder, sorted, without `.` and `..`. An error in the middle is an error: a
    /// listing is never cut short in silence.
    func names(in folder: String) throws(StorageError) -> [String]
}

/// The file system that the code of this module works on.
package enum CurrentFileSystem {
    /// Another one for the code of a test, on its own task or thread only.
    @TaskLocal package static var override: (any FileSystem)?
    nonisolated(unsafe) private static var ofProcess: any FileSystem = PosixFileSystem()

    /// Another one for all threads; to be called before there are several. No program that is
    /// installed calls it.
    package static func replaceInWholeProcess(_ fileSystem: any FileSystem) { ofProcess = fileSystem }

    package static var value: any FileSystem { override ?? ofProcess }
}
