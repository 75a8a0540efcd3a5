package import ArgumentParser
import Glibc
import Jobs
package import Spool
import Storage

/// The option that every command about a spool has.
package struct SpoolOptions: ParsableArguments {
    @Option(
        help: "The spool directory (also: TALA_SPOOL; /var/spool/tala where neither is given).", completion: .directory)
    package var spool: String?
    @Flag(help: "Print one JSON object, also for an error.") package var json = false

    package init() {}

    package var layout: SpoolLayout { Self.layout(spool) }

    /// The spool of an option, of TALA_SPOOL, or the system's.
    package static func layout(_ spool: String?) -> SpoolLayout {
        SpoolLayout(root: spool ?? getenv("TALA_SPOOL").map { String(cString: $0) } ?? "/var/spool/tala")
    }

    /// The spool, which has to be one.
    /// - Throws: ``CommandFailure`` if it is not there, is not a spool, or may not be read.
    package func opened() throws(CommandFailure) -> SpoolLayout {
        let layout = layout
        do throws(StorageError) { _ = try FolderListing.names(in: layout.jobs) } catch {
            let hint = "name the spool with --spool or TALA_SPOOL"
            guard error.errorNumber == ENOENT || error.errorNumber == ENOTDIR else {
                throw CommandFailure(.failed, "the spool \(layout.root) cannot be read: \(error)")
            }
            guard FolderListing.exists(layout.root) else {
                throw CommandFailure(.notFound, "there is no spool \(layout.root); \(hint)")
            }
            throw CommandFailure(.notFound, "\(layout.root) is not a spool: it has no folder jobs/; \(hint)")
        }
        return layout
    }

    /// The job that a word names: a whole id, the only one that ends in it, or the name under which
    /// a manifest was dropped.
    /// - Throws: ``CommandFailure`` if there is none or more than one.
    package func job(_ word: String) throws(CommandFailure) -> JobFolder {
        let layout = try opened()
        let ids = JobListing.ids(layout)
        let matching = ids.filter { $0 == word || $0.hasSuffix(word) }
        guard matching.count <= 1 else {
            throw CommandFailure(.notFound, "\"\(Terminal.safe(word))\" may be any of \(matching.count) jobs: give more of the id")
        }
        if let id = matching.first { return layout.job(id) }
        guard !word.contains("/"), !word.hasPrefix(".") else { throw Self.noJob(word, layout) }
        if let id = ids.last(where: { (try? layout.job($0).acceptance())?.drop == word }) {
            if let sweep = (try? layout.job(id).acceptance())?.sweep {
                throw CommandFailure(
                    .notFound, "\(Terminal.safe(word)) is a sweep of \(sweep.count) jobs: tala list --group \(sweep.group) shows them")
            }
            return layout.job(id)
        }
        if let rejection = Submit.rejection(word, layout) { throw rejection }
        if FolderListing.exists(layout.incoming + "/" + word) {
            throw CommandFailure(.notFound, "\(Terminal.safe(word)) waits in \(layout.incoming): no daemon has taken it yet")
        }
        throw Self.noJob(word, layout)
    }

    /// The job that a word names, or the newest one where none is given.
    /// - Throws: ``CommandFailure`` if there is none.
    package func jobOrNewest(_ word: String?) throws(CommandFailure) -> JobFolder {
        if let word { return try job(word) }
        let layout = try opened()
        guard let newest = JobListing.ids(layout).last else {
            throw CommandFailure(.notFound, "there are no jobs in \(layout.jobs)")
        }
        return layout.job(newest)
    }

    private static func noJob(_ word: String, _ layout: SpoolLayout) -> CommandFailure {
        CommandFailure(.notFound, "there is no job \"\(Terminal.safe(word))\" in \(layout.jobs)")
    }
}
