package import ArgumentParser
import Glibc
package import Jobs
import Spool

/// The option that every command about a spool has.
package struct SpoolOptions: ParsableArguments {
    @Option(help: "The spool directory (also: TALA_SPOOL).") package var spool: String?
    @Flag(help: "Print JSON.") package var json = false

    package init() {}

    var layout: SpoolLayout {
        SpoolLayout(root: spool ?? getenv("TALA_SPOOL").map { String(cString: $0) } ?? "/var/spool/tala")
    }

    /// The job that a word names: a whole id, or the only one that ends in it.
    /// - Throws: `ValidationError` if there is none or more than one.
    func job(_ word: String) throws -> JobFolder {
        let ids = JobListing.ids(layout)
        let matching = ids.filter { $0 == word || $0.hasSuffix(word) }
        guard let id = matching.first else { throw ValidationError("there is no job \"\(word)\" in \(layout.jobs)") }
        guard matching.count == 1 else { throw ValidationError("\"\(word)\" may be any of \(matching.count) jobs") }
        return layout.job(id)
    }
}

extension ProgramExit {
    /// What is thrown to end the program with this code.
    package var code: ExitCode { ExitCode(rawValue) }
}
