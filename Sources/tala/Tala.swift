import ArgumentParser
import CommandLineTools

@main
struct Tala: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala", abstract: "Fine-tune language models from a spool directory.",
        discussion: "Exit codes: 0 succeeded, 1 failed, 2 wrong usage, 3 cancelled, 75 the daemon is not running.", version: "0.1.0",
        subcommands: [
            Submit.self, Validate.self, PlanCommand.self, List.self, Status.self, Watch.self, Events.self, Cancel.self, Pause.self,
            Resume.self, CheckpointNow.self, Delete.self,
            DevicesCommand.self, Generate.self, TokenizerCommand.self, TemplateCommand.self, Bench.self,
        ])

    static func main() { runAsProgram() }
}
