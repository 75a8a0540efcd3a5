import CLinux
import Glibc

/// File operations as the operating system does them.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func perform(_ operation: FileOperation) throws(StorageError) -> Int {
        while true {
            let result = call(operation)
            if result >= 0 { return result }
            let number = errno
            // Interrupted calls are done again, except close: its descriptor is gone either way.
            if number == EINTR {
                if case .close = operation { return 0 }
                continue
            }
            throw StorageError(operation: operation.word, path: operation.path, errorNumber: number)
        }
    }

    private func call(_ operation: FileOperation) -> Int {
        switch operation {
        case .open(let path, let flags, let mode): return Int(tala_open(path, flags, mode))
        case .read(let descriptor, let buffer, _): return Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        case .write(let descriptor, let bytes, _): return Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        case .clone(let descriptor, let source, _): return Int(tala_clone(descriptor, source))
        case .truncate(let descriptor, let count, _): return Int(ftruncate(descriptor, count))
        case .reserve(let descriptor, let count, _): return reserve(descriptor, count)
        case .sync(let descriptor, _, _): return Int(fsync(descriptor))
        case .close(let descriptor, _): return Int(Glibc.close(descriptor))
        case .map(let descriptor, let count, _):
            guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else { return -1 }
            return Int(bitPattern: start)
        case .rename(let old, let new): return Int(Glibc.rename(old, new))
        case .remove(let path): return Int(unlink(path))
        case .makeFolder(let path, let mode): return Int(mkdir(path, mode))
        case .removeFolder(let path): return Int(rmdir(path))
        case .list, .start: return 0
        }
    }

    /// Some file systems cannot reserve; there the first write that finds no room says so.
    private func reserve(_ descriptor: Int32, _ count: Int) -> Int {
        if count == 0 || tala_fallocate(descriptor, count) == 0 { return 0 }
        return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -1
    }

    package func names(in folder: String) throws(StorageError) -> [String] {
        guard let directory = opendir(folder) else { throw StorageError(operation: "open folder", path: folder) }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { throw StorageError(operation: "list", path: folder) }
                return names.sorted()
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }
}
