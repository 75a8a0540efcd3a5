import Glibc
package import Storage
import Synchronization

/// Carries operations out and notes those that change what a power cut may leave.
package final class RecordingFileSystem: FileSystem {
    struct State {
        var entries: [CrashLog.Entry] = []
        /// The file behind each open descriptor, and behind each name.
        var descriptors: [Int32: Int] = [:]
        var appends: Set<Int32> = []
        var offsets: [Int32: Int] = [:]
        var names: [String: Int] = [:]
        var sizes: [Int: Int] = [:]
        var nextFile: Int
    }
    private let base: any FileSystem
    private let start: FolderSnapshot
    private let state: Mutex<State>

    /// - Parameter root: the folder of which notes are taken; what lies outside passes unnoted.
    package init(root: String, on base: any FileSystem = PosixFileSystem()) throws {
        self.base = base
        start = try FolderSnapshot(root)
        var state = State(nextFile: start.contents.count)
        state.names = start.files
        for (index, content) in start.contents.enumerated() { state.sizes[index] = content.count }
        self.state = Mutex(state)
    }

    /// All that was noted until now.
    package var log: CrashLog { CrashLog(start: start, entries: state.withLock { $0.entries }) }

    package func names(in folder: String) throws(StorageError) -> [String] { try base.names(in: folder) }

    package func perform(_ operation: FileOperation) throws(StorageError) -> Int {
        let isNew: Bool
        if case .open(let path, let flags, _) = operation {
            isNew = flags & O_CREAT != 0 && !FolderListing.exists(path)
        } else {
            isNew = false
        }
        let result = try base.perform(operation)
        state.withLock { note(operation, result, isNew, &$0) }
        return result
    }

    private func relative(_ path: String) -> String? {
        if path == start.root { return "" }
        return path.hasPrefix(start.root + "/") ? String(path.dropFirst(start.root.count + 1)) : nil
    }

    private func note(_ operation: FileOperation, _ result: Int, _ isNew: Bool, _ state: inout State) {
        switch operation {
        case .open(let path, let flags, _):
            let descriptor = Int32(truncatingIfNeeded: result)
            state.descriptors[descriptor] = nil
            guard let name = relative(path) else { return }
            if isNew {
                let file = state.nextFile
                state.nextFile += 1
                state.names[name] = file
                state.sizes[file] = 0
                state.entries.append(.change(.create(name, file: file)))
            }
            state.descriptors[descriptor] = state.names[name]
            state.offsets[descriptor] = 0
            if flags & O_APPEND != 0 { state.appends.insert(descriptor) } else { state.appends.remove(descriptor) }
        case .write(let descriptor, let bytes, _):
            guard let file = state.descriptors[descriptor], result > 0 else { return }
            let size = state.sizes[file] ?? 0
            let offset = state.appends.contains(descriptor) ? size : state.offsets[descriptor] ?? 0
            state.entries.append(.write(file: file, offset: offset, bytes: Array(bytes[..<result])))
            state.offsets[descriptor] = offset + result
            state.sizes[file] = max(size, offset + result)
        case .clone(let descriptor, let source, _):
            guard let file = state.descriptors[descriptor] else { return }
            var status = stat()
            fstat(source, &status)
            var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
            let count = pread(source, &bytes, bytes.count, 0)
            state.entries.append(.write(file: file, offset: 0, bytes: Array(bytes.prefix(max(0, count)))))
            state.sizes[file] = max(0, count)
        case .truncate(let descriptor, let count, _):
            guard let file = state.descriptors[descriptor] else { return }
            state.entries.append(.truncate(file: file, byteCount: count))
            state.sizes[file] = count
        case .sync(let descriptor, let path, let isFolder):
            if isFolder {
                if let name = relative(path) { state.entries.append(.syncFolder(name)) }
            } else if let file = state.descriptors[descriptor] {
                state.entries.append(.sync(file: file))
            }
        case .close(let descriptor, _): state.descriptors[descriptor] = nil
        case .rename(let old, let new):
            guard let from = relative(old), let to = relative(new) else { return }
            state.entries.append(.change(.rename(from: from, to: to)))
            for (name, file) in state.names where name == from || name.hasPrefix(from + "/") {
                state.names[name] = nil
                state.names[to + name.dropFirst(from.count)] = file
            }
        case .remove(let path):
            guard let name = relative(path) else { return }
            state.entries.append(.change(.remove(name)))
            state.names[name] = nil
        case .makeFolder(let path, _): if let name = relative(path) { state.entries.append(.change(.makeFolder(name))) }
        case .removeFolder(let path): if let name = relative(path) { state.entries.append(.change(.removeFolder(name))) }
        case .read, .reserve, .map, .list, .start: break
        }
    }
}
