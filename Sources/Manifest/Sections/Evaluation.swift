package import Grading
package import JSON

extension Manifest {
    /// When the validation data is used during an epoch, and what follows from it.
    package struct Evaluation: KeyedSection {
        /// Nil: only at the end of every epoch.
        package var everySteps: Int?
        /// Nil: the run goes to its end.
        package var earlyStopping: EarlyStopping?
        /// Whether the result is that of the best evaluation, not of the last step.
        package var loadsBest = false
        /// What judges answers to the validation data, when the run has ended.
        package var graders: [Grader] = []
        /// How the answers are made; nil: as usual.
        package var generation: EvaluationMethod.Generation?
        /// Whether answers are judged at every regular checkpoint, too.
        package var gradesCheckpoints = false

        package init() {}

        package static let keys: [Key<Evaluation>] = [
            Key(
                "every_steps", \.everySteps, .integer(1...1_000_000_000), "Steps between evaluations of one validation batch",
                aliases: ["eval_steps", "evaluation_steps"]),
            Key(
                "early_stopping", section: \.earlyStopping,
                "Ends the run when it no longer gets better; each evaluation is then of the whole validation set"),
            Key(
                "load_best", \.loadsBest, .flag, "Whether the result is the model of the best evaluation, not of the last step",
                aliases: ["load_best_model_at_end"]),
            Key(
                "graders", \.graders, .graders,
                "What judges answers to the validation data at the end of the run, in the form of OpenAI's graders"),
            Key("generation", section: \.generation, "How these answers are generated"),
            Key("grade_checkpoints", \.gradesCheckpoints, .flag, "Whether answers are judged at every regular checkpoint, too"),
        ]

        /// Checkpoints hold a digest of the canonical manifest: what came later stands in it only
        /// where it says something.
        package func omits(_ key: String) -> Bool {
            key == "load_best" ? !loadsBest : key == "grade_checkpoints" ? !gradesCheckpoints : false
        }

        /// The columns of `metrics.csv` that checkpoints fill: `graded_` and a grader's name.
        package var gradeColumns: [String] { gradesCheckpoints ? graders.map { "graded_" + $0.name } : [] }

        package mutating func settle(_ section: ManifestSection) throws(ManifestError) {
            if gradesCheckpoints, graders.isEmpty {
                throw section.failure("grade_checkpoints", "asks for judgements, but there are no graders: give evaluation.graders")
            }
            // Names of columns, in a file whose columns are divided by commas.
            func isPlain(_ byte: UInt8) -> Bool {
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "._-".utf8.contains(byte)
            }
            if gradesCheckpoints, let name = graders.map(\.name).first(where: { !$0.utf8.allSatisfy(isPlain) }) {
                throw section.failure(
                    "graders", "the name \"\(name)\" is that of a column with grade_checkpoints: letters, digits, '.', '_' and '-' only")
            }
        }

        package static let rules: [JSONNode] = [
            [
                "if": ["required": ["grade_checkpoints"], "properties": ["grade_checkpoints": ["const": true]]],
                "then": ["required": ["graders"], "properties": ["graders": ["type": "array", "minItems": 1]]],
            ]
        ]
    }
}
