package import ArgumentParser
package import JSON
package import Jobs

/// Why a command could not do what it was asked to do: a sentence for people, a word for programs,
/// and an exit code.
///
/// `runAsProgram` prints it: the sentence on standard error or, with `--json`, an object `{"error":
/// {...}}` on standard output.
package struct CommandFailure: Error {
    /// What kind of failure it is; docs/json-output.md lists the words.
    package enum Code: String, Sendable, CaseIterable {
        /// The command line cannot be understood.
        case usage
        /// A job, file or folder that the command line names is not there.
        case notFound = "not_found"
        /// The job's state gives the verb no meaning.
        case wrongState = "wrong_state"
        /// The manifest was refused, by this program or by the daemon.
        case rejected
        /// Model, data or settings cannot be used.
        case invalid
        /// No daemon works on the spool.
        case noDaemon = "no_daemon"
        /// Reading, writing or computing failed.
        case failed
    }

    package var code: Code
    package var message: String
    package var exit: CommandExit
    /// Further members of the `error` object.
    package var details: [JSONMember]
    /// Members of the printed object beside `error`.
    package var context: [JSONMember]

    package init(
        _ code: Code, _ message: String, exit: CommandExit? = nil, details: [JSONMember] = [], context: [JSONMember] = []
    ) {
        self.code = code
        self.message = message
        self.exit = exit ?? Self.exit(of: code)
        self.details = details
        self.context = context
    }

    private static func exit(of code: Code) -> CommandExit {
        switch code {
        case .usage, .notFound: .usage
        case .noDaemon: .noDaemon
        case .wrongState, .rejected, .invalid, .failed: .failed
        }
    }

    /// What `--json` prints.
    var json: JSONNode {
        let error = [JSONMember("code", JSONNode(code.rawValue)), JSONMember("message", JSONNode(message))] + details
        return JSONNode(context + [JSONMember("error", JSONNode(error))])
    }
}

extension ProgramExit {
    /// What is thrown to end the program with this code.
    package var code: ExitCode { ExitCode(rawValue) }
}
