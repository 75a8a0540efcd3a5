import Foundation
import JSON

/// One question that an engine answers and leaves: what a model is, what memory it would take. The
/// front opens no model, and whatever a model's files do to their reader ends another process.
enum EngineQuestion {
    enum Answer: Sendable {
        case answer(JSONNode)
        /// What the engine said instead.
        case failure(String)
    }
    /// Seconds that an answer may take.
    private static let patience = 60.0

    /// - Parameter arguments: of the program `tala-engine`.
    static func ask(_ program: String, _ arguments: [String]) async -> Answer {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments + ["--parent", "\(ProcessInfo.processInfo.processIdentifier)"]
        process.standardInput = FileHandle.nullDevice
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        let words = EngineWords(errors.fileHandleForReading)
        let failure: String? = await LaunchThread.run {
            do { try process.run() } catch { return "\(error)" }
            return nil
        }
        if let failure { return .failure("the engine cannot be started: \(failure)") }
        let late = Task {
            try await Task.sleep(for: .seconds(patience))
            process.terminate()
        }
        defer { late.cancel() }
        let bytes = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
                process.waitUntilExit()
                continuation.resume(returning: [UInt8](data))
            }
        }
        guard process.terminationStatus == 0, let node = try? JSONParser().parse(bytes) else {
            return .failure(words.last ?? "the engine has ended without an answer")
        }
        return .answer(node)
    }
}
