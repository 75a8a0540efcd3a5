/// What a user says of a file whose own names do not say it.
package struct ConversionOptions: Sendable, Hashable {
    /// Columns of a table or keys of records, by name; columns also by their number from 1 on.
    package var question: String?
    package var answer: String?
    package var system: String?
    /// Of tables with a row a turn.
    package var speaker: String?
    package var text: String?
    package var conversation: String?
    /// Speakers who are the assistant; everybody else is then the user.
    package var assistants: [String] = []
    /// Nil: the one that the first line has most often.
    package var separator: UInt8?
    /// Whether the first row of a table names its columns.
    package var hasHeader = true

    package init() {}
}
