package import ArgumentParser
import Glibc
import JSON
import Spool
import Storage

/// `tala events`: what happened to a job.
package struct Events: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Show what happened to a job.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end; the newest job if left out.", completion: JobCompletion.all) var job: String?

    package init() {}

    package func run() throws {
        let folder = try options.jobOrNewest(job)
        let events = EventText.events(try DurableFiles.read(folder.eventsFile))
        if options.json {
            try StandardOutput.json(["object": "list", "data": JSONNode(events), "has_more": false])
        } else {
            let text = EventText(terminal: Terminal())
            try StandardOutput.write(events.map { text.line($0) + "\n" }.joined())
        }
    }
}

/// Events as lines: when, and what.
struct EventText {
    let terminal: Terminal

    /// The events of a log; a line that was not written whole is left out.
    static func events(_ bytes: [UInt8]) -> [JSONNode] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONParser().parse(Array($0)) }
    }

    func line(_ event: JSONNode) -> String {
        let message = Terminal.safe(event["message"]?.string ?? "")
        let coloured =
            switch event["level"]?.string {
            case "error": terminal.coloured(message, .red)
            case "warn": terminal.coloured(message, .yellow)
            default: message
            }
        return "\(Self.stamp(event["created_at"]?.integer ?? 0))  \(coloured)"
    }

    /// A time in seconds since 1970 as the user's clock shows it.
    static func stamp(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var local = tm()
        localtime_r(&time, &local)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &local)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
