package import ArgumentParser
import Basics
import Glibc
import JSON
import Jobs
import Storage

extension ParsableCommand {
    /// Parses the command line, runs the command and ends the process.
    ///
    /// Wrong usage ends with 2, as other programs on Linux have it, where argument-parser alone
    /// ends with 64. Output that cannot be written ends with 1.
    /// - Parameters:
    ///   - printsJSON: whether the commands know `--json`, under which failures too are one JSON
    ///     object on standard output.
    ///   - given: the arguments; nil: those of the command line.
    package static func runAsProgram(printsJSON: Bool = false, with given: [String]? = nil) {
        StandardOutput.reserveDescriptors()
        HeapMemory.returnLargeBlocks()
        unblockSignals()
        let arguments = given ?? Array(CommandLine.arguments.dropFirst())
        let wantsJSON = printsJSON && arguments.prefix { $0 != "--" }.contains("--json")
        do {
            if let message = CommandSuggestion(root: Self.self).message(for: arguments) { throw ValidationError(message) }
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch let code as ExitCode {
            // The command has said why.
            Glibc.exit(code.rawValue)
        } catch {
            Glibc.exit(report(error, asJSON: wantsJSON))
        }
        Glibc.exit(0)
    }

    /// The parent process may have left signals blocked that a user ends or resizes a command with.
    private static func unblockSignals() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGWINCH] { sigaddset(&signals, signal) }
        sigprocmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Prints why a command ended, or the help that was asked for.
    /// - Returns: the exit code.
    private static func report(_ error: any Error, asJSON: Bool) -> Int32 {
        let code = exitCode(for: error)
        do throws(StorageError) {
            if let failure = error as? CommandFailure {
                if asJSON { try StandardOutput.json(failure.json) } else { StandardError.write(failure.message + "\n") }
                return failure.exit.rawValue
            }
            if code.isSuccess {
                try StandardOutput.line(fullMessage(for: error))
                return code.rawValue
            }
            let isUsage = code == .validationFailure
            if asJSON {
                try StandardOutput.json(CommandFailure(isUsage ? .usage : .failed, message(for: error)).json)
            } else {
                StandardError.write(fullMessage(for: error) + "\n")
            }
            return isUsage ? CommandExit.usage.rawValue : code.rawValue
        } catch {
            StandardError.write("\(error)\n")
            return CommandExit.failed.rawValue
        }
    }
}
