/// Something wrong with a dataset: which file, which line, which field, what was found and what was
/// expected.
package struct DatasetProblem: Error, Sendable, Hashable {
    /// A stable word: `invalid_json`, `unreadable`, `wrong_type`, `missing_field`, `empty_field`,
    /// `invalid_value`, `unknown_role`, `no_assistant`, `too_long`, `no_trained_token`, `template`,
    /// `template_budget`, `empty_dataset`, `preference_training`, `prompt_differs`, `data_changed`,
    /// `unknown_label`, `one_class`, `too_few_examples`, those of what a template does not show
    /// (``TemplateReview/Finding/code``), `special_token_in_text`, and those of warnings:
    /// `deprecated`, `tool_without_call`, `compression`, `text_changed`, `null_arguments`,
    /// `null_in_schema`, `beyond_positions`, `no_end_token`.
    package var kind: String
    package var file: String
    /// Physical line, counted from 1; nil where the whole file is concerned.
    package var line: Int?
    /// The JSON path, for example `messages[1].content`.
    package var field: String?
    package var found: String?
    package var expected: String?
    /// What is wrong and what to do, without file, line and field.
    package var message: String
    /// The system's error number where the file could not be opened.
    package var errorNumber: Int32?

    package init(
        kind: String, file: String, line: Int? = nil, field: String? = nil, found: String? = nil, expected: String? = nil, _ message: String
    ) {
        self.kind = kind
        self.file = file
        self.line = line
        self.field = field
        self.found = found
        self.expected = expected
        self.message = message
    }
}

extension DatasetProblem: CustomStringConvertible {
    package var description: String {
        "\(file)" + (line.map { ", line \($0)" } ?? "") + ": " + (field.map { "\($0): " } ?? "") + message
    }
}
