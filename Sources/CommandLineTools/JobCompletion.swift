package import ArgumentParser
import Glibc
import Jobs
import Spool

/// Job ids for the shell's completion: the newest first, only those of which the command makes
/// sense.
package enum JobCompletion {
    package static let all = CompletionKind.custom { words, _, _ in ids(words) { _ in true } }
    static let running = CompletionKind.custom { words, _, _ in ids(words) { $0 == .running } }
    static let paused = CompletionKind.custom { words, _, _ in ids(words) { $0 == .paused } }
    static let ended = CompletionKind.custom { words, _, _ in ids(words) { $0.isFinal } }
    static let unended = CompletionKind.custom { words, _, _ in ids(words) { !$0.isFinal } }

    /// A shell that completes a word does not want to wait for ten thousand jobs.
    private static let limit = 200

    private static func ids(_ words: [String], _ isWanted: (JobState) -> Bool) -> [String] {
        let layout = SpoolOptions.layout(spool(words))
        return JobListing.ids(layout).reversed().prefix(limit).filter { layout.job($0).status().map { isWanted($0.state) } ?? false }
    }

    /// The value of `--spool` on the command line that is being completed.
    static func spool(_ words: [String]) -> String? {
        guard let option = words.lastIndex(where: { $0 == "--spool" || $0.hasPrefix("--spool=") }) else { return nil }
        if let value = words[option].split(separator: "=", maxSplits: 1).dropFirst().first { return String(value) }
        return option + 1 < words.count ? words[option + 1] : nil
    }
}
