import Glibc
package import Storage
import Synchronization

/// Counts the operations of another file system and spoils those that a fault befalls.
///
/// Run with 1, 2, 3 … until it has not happened any more, as SQLite's tests do: every place of a
/// program then has failed once.
package final class FaultyFileSystem: FileSystem {
    private struct State {
        var count = 0
        var struck: [String] = []
        var isFrozen = false
    }
    private let base: any FileSystem
    private let fault: Fault
    private let report: (@Sendable (String) -> Void)?
    private let state = Mutex(State())
    /// The exit code of a process that a fault has ended.
    package static let exitCode: Int32 = 86

    /// - Parameter report: told of every operation that the fault befalls, before it does.
    package init(_ fault: Fault, on base: any FileSystem = PosixFileSystem(), report: (@Sendable (String) -> Void)? = nil) {
        self.fault = fault
        self.base = base
        self.report = report
    }

    /// Whether the fault has happened.
    package var hasStruck: Bool { state.withLock { !$0.struck.isEmpty } }
    /// The operations that were spoilt, as kind and path.
    package var struck: [String] { state.withLock { $0.struck } }
    /// Operations counted so far.
    package var count: Int { state.withLock { $0.count } }

    package func perform(_ operation: FileOperation) throws(StorageError) -> Int {
        var written = 0
        switch decide(operation) {
        case .asAlways: break
        case .frozen: throw StorageError(operation: operation.word, path: operation.path, errorNumber: EROFS)
        case .strike(let effect):
            switch effect {
            case .error(let number):
                // A close that fails has closed; so has a real one.
                if case .close = operation { _ = try base.perform(operation) }
                throw StorageError(operation: operation.word, path: operation.path, errorNumber: number)
            case .shortWrite:
                if case .write(let descriptor, let bytes, let path) = operation, bytes.count > 1 {
                    return try base.perform(.write(descriptor, half(bytes), path: path))
                }
            case .exit, .freeze:
                if case .write(let descriptor, let bytes, let path) = operation, bytes.count > 1 {
                    written = try base.perform(.write(descriptor, half(bytes), path: path))
                }
                if effect == .exit { _exit(Self.exitCode) }
                throw StorageError(operation: operation.word, path: operation.path, errorNumber: EROFS)
            }
        }
        return written + (try base.perform(operation))
    }

    package func names(in folder: String) throws(StorageError) -> [String] {
        _ = try perform(.list(path: folder))
        return try base.names(in: folder)
    }

    private enum Decision {
        case asAlways
        case frozen
        case strike(Fault.Effect)
    }

    private func decide(_ operation: FileOperation) -> Decision {
        let what = "\(operation.kind.rawValue) \(operation.path)"
        let decision = state.withLock { state -> Decision in
            if state.isFrozen { return operation.kind.changesDisk ? .frozen : .asAlways }
            guard fault.counts(operation) else { return .asAlways }
            state.count += 1
            guard fault.befalls(state.count) else { return .asAlways }
            state.struck.append(what)
            if fault.effect == .freeze { state.isFrozen = true }
            return .strike(fault.effect)
        }
        if case .strike = decision { report?(what) }
        return decision
    }

    private func half(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)])
    }
}
