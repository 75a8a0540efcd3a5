import ArgumentParser
import CommandLineTools
import Jobs

@main
struct Tala: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala", abstract: "Fine-tune language models from a spool directory.",
        discussion: CommandExit.sentence()
            + " With --json every command prints one JSON object, also for an error; docs/json-output.md describes them.",
        version: "0.1.0",
        subcommands: [
            Initialize.self, Submit.self, Validate.self, PlanCommand.self, ManifestCommand.self, List.self, Status.self, Watch.self,
            Events.self, Logs.self,
            Plot.self,
            Cancel.self, Pause.self,
            Resume.self, CheckpointNow.self, Delete.self, Deploy.self, KeyCommand.self, Top.self,
            ModelsCommand.self, DataCommand.self, ExportCommand.self, MergeCommand.self, FilterCommand.self,
            DevicesCommand.self, Doctor.self, DeviceCheck.self, Generate.self, Classify.self,
            TokenizerCommand.self, TemplateCommand.self, Bench.self,
        ])

    static func main() { runAsProgram(printsJSON: true) }
}
