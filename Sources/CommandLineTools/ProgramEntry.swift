package import ArgumentParser
import Glibc
import Storage

extension ParsableCommand {
    /// Parses the command line and runs the command. Wrong usage ends with 2, as other programs on Linux have it, where argument-parser alone ends with 64.
    package static func runAsProgram() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            StandardError.write(fullMessage(for: error) + "\n")
            Glibc.exit(2)
        }
    }
}
