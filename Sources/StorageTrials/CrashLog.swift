/// What happened to the files of a folder, and every state in which a power cut could leave it.
///
/// The model: names change in the order in which they were changed, and any number of the last
/// changes may be missing as far as no sync of a folder came after them (journaling file systems do
/// so); of the data of a file, each write after its last sync may be there or not, independent of
/// names and of other writes, with zeros in the gaps. A file's sync makes its data durable, not its
/// name.
package struct CrashLog: Sendable {
    package enum Change: Sendable, Hashable {
        case create(String, file: Int)
        case makeFolder(String)
        case rename(from: String, to: String)
        case remove(String)
        case removeFolder(String)

        /// The folders whose sync makes the change durable.
        var folders: [String] {
            switch self {
            case .create(let path, _), .makeFolder(let path), .remove(let path), .removeFolder(let path): [Self.parent(path)]
            case .rename(let from, let to): [Self.parent(from), Self.parent(to)]
            }
        }

        private static func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }
    }
    package enum Entry: Sendable, Hashable {
        case change(Change)
        case write(file: Int, offset: Int, bytes: [UInt8])
        case truncate(file: Int, byteCount: Int)
        case sync(file: Int)
        case syncFolder(String)
    }

    package let start: FolderSnapshot
    package let entries: [Entry]

    /// What a cut after the first `length` entries leaves open.
    package struct Choices: Sendable {
        package var length: Int
        /// The fewest and the most changes of names that may be there.
        package var changes: ClosedRange<Int>
        /// The writes and truncations that may be missing, by their places among the entries.
        package var loose: [Int]
    }

    package func choices(length: Int) -> Choices {
        var changeCount = 0
        var durableChanges = 0
        // By folder: the number of the last change in it.
        var lastIn: [String: Int] = [:]
        var loose: [(place: Int, file: Int)] = []
        for (place, entry) in entries.prefix(length).enumerated() {
            switch entry {
            case .change(let change):
                changeCount += 1
                for folder in change.folders { lastIn[folder] = changeCount }
            case .write(let file, _, _), .truncate(let file, _): loose.append((place, file))
            case .sync(let file): loose.removeAll { $0.file == file }
            case .syncFolder(let folder): durableChanges = max(durableChanges, lastIn[folder] ?? 0)
            }
        }
        return Choices(length: length, changes: durableChanges...changeCount, loose: loose.map(\.place))
    }

    /// The folder that one set of choices leaves.
    /// - Parameters:
    ///   - changes: how many changes of names are there.
    ///   - kept: for each loose write, in their order, whether it is there.
    package func state(_ choices: Choices, changes: Int, kept: [Bool]) -> FolderSnapshot {
        let missing = Set(zip(choices.loose, kept).filter { !$0.1 }.map(\.0))
        var contents: [Int: [UInt8]] = [:]
        for (index, content) in start.contents.enumerated() { contents[index] = content }
        var files = start.files
        var folders = Set(start.folders)
        var seen = 0
        for (place, entry) in entries.prefix(choices.length).enumerated() {
            switch entry {
            case .write(let file, let offset, let bytes):
                if missing.contains(place) { continue }
                var content = contents[file] ?? []
                let end = offset + bytes.count
                if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
                content.replaceSubrange(offset..<end, with: bytes)
                contents[file] = content
            case .truncate(let file, let count):
                if missing.contains(place) { continue }
                let content = contents[file] ?? []
                contents[file] = Array(content.prefix(count)) + [UInt8](repeating: 0, count: max(0, count - content.count))
            case .change(let change):
                seen += 1
                if seen <= changes { Self.apply(change, &files, &folders) }
            case .sync, .syncFolder: break
            }
        }
        return FolderSnapshot(root: start.root, folders: folders.sorted(), files: files.mapValues { contents[$0] ?? [] }, like: start)
    }

    private static func apply(_ change: Change, _ files: inout [String: Int], _ folders: inout Set<String>) {
        switch change {
        case .create(let path, let file): files[path] = file
        case .makeFolder(let path): folders.insert(path)
        case .remove(let path): files[path] = nil
        case .removeFolder(let path): folders.remove(path)
        case .rename(let from, let to):
            if let file = files.removeValue(forKey: from) { files[to] = file }
            for (path, file) in files where path.hasPrefix(from + "/") {
                files[path] = nil
                files[to + path.dropFirst(from.count)] = file
            }
            for path in folders where path == from || path.hasPrefix(from + "/") {
                folders.remove(path)
                folders.insert(to + path.dropFirst(from.count))
            }
        }
    }
}
