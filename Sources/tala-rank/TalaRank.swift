import ArgumentParser
import CommandLineTools

@main
struct TalaRank: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-rank", abstract: "Works on one job of a spool together with other processes; started by talad.",
        subcommands: [LaunchCommand.self, RunCommand.self])
}
