import Glibc
package import Storage

/// What goes wrong in a trial, and when.
package struct Fault: Sendable, Hashable {
    package enum Effect: Sendable, Hashable {
        /// The operation fails with this error number and does nothing.
        case error(Int32)
        /// A write writes half of what it was given and says so; other operations are as always.
        case shortWrite
        /// The process ends before the operation, as by SIGKILL; a write is first carried out by
        /// half.
        case exit
        /// In a test's own process: from here on nothing changes on disk any more, as if the
        /// process had ended.
        case freeze
    }
    package var effect: Effect
    /// Which of the operations that are counted, from 1.
    package var number: Int
    /// How many in a row it befalls.
    package var repeats = 1
    /// The kinds of operations that are counted.
    package var kinds: Set<FileOperation.Kind>
    /// Only operations whose path contains this are counted.
    package var pathPart = ""

    package static let changes = Set(FileOperation.Kind.allCases.filter(\.changesDisk))
    /// The operations that need room on the disk.
    package static let needingRoom: Set<FileOperation.Kind> = [.create, .write, .reserve, .makeFolder, .sync, .rename]

    package init(
        _ effect: Effect, at number: Int, repeats: Int = 1, kinds: Set<FileOperation.Kind> = Fault.changes, pathPart: String = ""
    ) {
        self.effect = effect
        self.number = number
        self.repeats = repeats
        self.kinds = kinds
        self.pathPart = pathPart
    }

    func befalls(_ count: Int) -> Bool { count >= number && count - number < repeats }

    func counts(_ operation: FileOperation) -> Bool {
        kinds.contains(operation.kind) && (pathPart.isEmpty || operation.path.contains(pathPart))
    }
}

extension Fault {
    static let errors: [(name: String, number: Int32)] = [
        ("ENOSPC", ENOSPC), ("EDQUOT", EDQUOT), ("EIO", EIO), ("ENOMEM", ENOMEM), ("EMFILE", EMFILE), ("EAGAIN", EAGAIN), ("EROFS", EROFS),
    ]

    /// `EFFECT@NUMBER[xREPEATS][:KIND,KIND...][:path=PART]`, such as `exit@17`,
    /// `ENOSPC@5x40:write,create` or `EIO@1:sync:path=checkpoints`.
    package init?(_ text: String) {
        let parts = text.split(separator: ":").map(String.init)
        guard let head = parts.first?.split(separator: "@"), head.count == 2 else { return nil }
        let effect: Effect
        switch head[0] {
        case "exit": effect = .exit
        case "short": effect = .shortWrite
        default:
            guard let error = Self.errors.first(where: { $0.name == head[0] }) else { return nil }
            effect = .error(error.number)
        }
        let numbers = head[1].split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard let number = numbers.first ?? nil, number > 0 else { return nil }
        self.init(effect, at: number)
        if numbers.count > 1 {
            guard let repeats = numbers[1], repeats > 0 else { return nil }
            self.repeats = repeats
        }
        for part in parts.dropFirst() {
            if part.hasPrefix("path=") {
                pathPart = String(part.dropFirst(5))
            } else {
                let kinds = part.split(separator: ",").map { FileOperation.Kind(rawValue: String($0)) }
                guard !kinds.contains(nil) else { return nil }
                self.kinds = Set(kinds.compactMap { $0 })
            }
        }
    }
}
