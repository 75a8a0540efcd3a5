import ArgumentParser
import CommandLineTools
import Jobs

@main
struct Tala: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala", abstract: "Fine-tune language models from a spool directory.",
        discussion: CommandExit.sentence([.succeeded, .failed, .usage, .cancelled, .noDaemon]), version: "0.1.0",
        subcommands: [
            Submit.self, Validate.self, PlanCommand.self, ManifestCommand.self, List.self, Status.self, Watch.self, Events.self,
            Cancel.self, Pause.self,
            Resume.self, CheckpointNow.self, Delete.self,
            DevicesCommand.self, Generate.self, TokenizerCommand.self, TemplateCommand.self, Bench.self,
        ])

    static func main() { runAsProgram() }
}
