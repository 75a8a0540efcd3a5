/// One call that touches the file system: everything that this program does to files is one of
/// these.
///
/// Paths stand beside descriptors for messages and for file systems that watch names.
package enum FileOperation {
    /// Gives a descriptor.
    case open(path: String, flags: Int32, mode: UInt32)
    /// Gives the number of bytes read, 0 at the end.
    case read(Int32, into: UnsafeMutableRawBufferPointer, path: String)
    /// Gives the number of bytes written, which may be fewer than asked for.
    case write(Int32, UnsafeRawBufferPointer, path: String)
    /// Lets a new file share the blocks of another one.
    case clone(Int32, from: Int32, path: String)
    case truncate(Int32, byteCount: Int, path: String)
    /// Reserves room for a file's first `byteCount` bytes.
    case reserve(Int32, byteCount: Int, path: String)
    case sync(Int32, path: String, isFolder: Bool)
    case close(Int32, path: String)
    /// Gives the address of a read-only map as a bit pattern.
    case map(Int32, byteCount: Int, path: String)
    case rename(from: String, to: String)
    case remove(path: String)
    case makeFolder(path: String, mode: UInt32)
    case removeFolder(path: String)
    /// Lists a folder: ``FileSystem/names(in:)`` does it.
    case list(path: String)
    /// A program is about to be started. The caller starts it; here it can only be refused.
    case start(program: String)

    /// What an operation is, without its operands.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case open, create, read, write, clone, truncate, reserve, sync, syncFolder, close, map, rename, remove, makeFolder, removeFolder,
            list, start

        /// Whether a disk looks different after it. A process that dies before one that changes
        /// nothing dies after the one before.
        package var changesDisk: Bool {
            switch self {
            case .open, .read, .map, .list, .start: false
            default: true
            }
        }
    }
}
