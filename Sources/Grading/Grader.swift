package import JSON

/// What judges an answer, in the form of OpenAI's graders: `string_check`, `text_similarity` and
/// `multi`; beside them `json`, which is ours.
package struct Grader: Sendable, Hashable {
    package enum Operation: String, Sendable, Hashable, CaseIterable {
        case equal = "eq"
        case unequal = "ne"
        /// Whether the answer contains the reference.
        case contains = "like"
        case containsIgnoringCase = "ilike"
    }
    package enum Metric: String, Sendable, Hashable, CaseIterable {
        case exactMatch = "exact_match"
        case tokenF1 = "token_f1"
        case fuzzyMatch = "fuzzy_match"
        case bleu
        case rouge1 = "rouge_1"
        case rouge2 = "rouge_2"
        case rouge3 = "rouge_3"
        case rouge4 = "rouge_4"
        case rouge5 = "rouge_5"
        case rougeL = "rouge_l"
    }
    package indirect enum Kind: Sendable, Hashable {
        case stringCheck(Operation, input: GraderTemplate, reference: GraderTemplate)
        case textSimilarity(Metric, input: GraderTemplate, reference: GraderTemplate)
        /// Whether the answer is JSON; with a reference the share of equal members.
        case json(input: GraderTemplate, reference: GraderTemplate?)
        case multi([Grader], GraderFormula)
    }
    package let name: String
    package let kind: Kind
    /// From which score on an answer passes.
    package let threshold: Double?
    /// As it was given, as JSON.
    package let source: String

    private static let words = ["string_check", "text_similarity", "json", "multi"]

    /// Reads a grader.
    /// - Parameter name: where it stands among others, which it is called unless it has a name.
    /// - Throws: what is wrong with it, with the field.
    package init(_ node: JSONNode, called given: String, isInside: Bool = false) throws(GraderRefusal) {
        guard let members = node.object else {
            throw GraderRefusal("is \(node.kindName), not a grader")
        }
        guard let type = node["type"]?.string, Self.words.contains(type), !(isInside && type == "multi")
        else {
            throw GraderRefusal(
                "type: is \(node["type"]?.string.map { "\"\($0.prefix(64))\"" } ?? "missing"); it may be "
                    + Self.words.filter { !isInside || $0 != "multi" }.joined(separator: ", "))
        }
        var known = ["type", "name", "pass_threshold"]
        switch type {
        case "string_check": known += ["operation", "input", "reference"]
        case "text_similarity": known += ["evaluation_metric", "input", "reference"]
        case "json": known += ["input", "reference"]
        default: known += ["graders", "calculate_output"]
        }
        if let stray = members.first(where: { !known.contains($0.key) }) {
            throw GraderRefusal(
                "\(stray.key.prefix(64)): is not known; a \(type) has \(known.joined(separator: ", "))")
        }
        func template(_ key: String, standard: String?) throws(GraderRefusal) -> GraderTemplate? {
            let value = node[key].flatMap { $0.isNull ? .none : $0 }
            if let value, value.string == nil {
                throw GraderRefusal("\(key): is \(value.kindName), not a text")
            }
            guard let text = value?.string ?? standard else { return nil }
            do throws(GraderRefusal) { return try GraderTemplate(text) } catch {
                throw GraderRefusal("\(key): \(error.message)")
            }
        }
        func required(_ key: String, standard: String) throws(GraderRefusal) -> GraderTemplate {
            guard let found = try template(key, standard: standard) else {
                throw GraderRefusal("\(key): is missing")
            }
            return found
        }
        func word<Word: RawRepresentable & CaseIterable>(_ key: String, _ type: Word.Type)
            throws(GraderRefusal) -> Word where Word.RawValue == String
        {
            let given = node[key]?.string
            guard let word = given.flatMap({ Word(rawValue: $0) }) else {
                throw GraderRefusal(
                    "\(key): is \(given.map { "\"\($0.prefix(64))\"" } ?? "missing"); it may be "
                        + Word.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return word
        }
        if let value = node["name"], !value.isNull {
            guard let text = value.string, !text.isEmpty, text.count <= 64 else {
                throw GraderRefusal("name: is not a text of 1 to 64 characters")
            }
            name = text
        } else {
            name = given
        }
        if let value = node["pass_threshold"], !value.isNull {
            guard let number = value.double else {
                throw GraderRefusal("pass_threshold: is \(value.kindName), not a number")
            }
            threshold = number
        } else {
            threshold = nil
        }
        let (answer, reference) = ("{{sample.output_text}}", "{{item.reference}}")
        switch type {
        case "string_check":
            kind = .stringCheck(
                try word("operation", Operation.self), input: try required("input", standard: answer),
                reference: try required("reference", standard: reference))
        case "text_similarity":
            kind = .textSimilarity(
                try word("evaluation_metric", Metric.self), input: try required("input", standard: answer),
                reference: try required("reference", standard: reference))
        case "json":
            kind = .json(
                input: try required("input", standard: answer),
                reference: try template("reference", standard: nil))
        default:
            guard let inner = node["graders"]?.object, !inner.isEmpty, inner.count <= 16 else {
                throw GraderRefusal("graders: is not an object of 1 to 16 graders by name")
            }
            var graders: [Grader] = []
            for member in inner {
                do throws(GraderRefusal) {
                    // The formula calls them by their keys.
                    let plain = JSONNode((member.node.object ?? []).filter { $0.key != "name" })
                    graders.append(
                        try Grader(
                            member.node.object == nil ? member.node : plain, called: member.key, isInside: true))
                } catch { throw GraderRefusal("graders.\(member.key.prefix(64)).\(error.message)") }
            }
            guard let text = node["calculate_output"]?.string else {
                throw GraderRefusal("calculate_output: is missing")
            }
            let formula: GraderFormula
            do throws(GraderRefusal) { formula = try GraderFormula(text) } catch {
                throw GraderRefusal("calculate_output: \(error.message)")
            }
            if let stray = formula.names.sorted().first(where: { name in
                !graders.contains { $0.name == name }
            }) {
                throw GraderRefusal(
                    "calculate_output: names \(stray.prefix(64)); the graders are \(graders.map(\.name).joined(separator: ", "))"
                )
            }
            kind = .multi(graders, formula)
        }
        source = JSONWriter().string(node)
    }

    /// What the grader gives an answer: 0 to 1, or what the formula makes of such.
    /// - Throws: what the record lacks.
    package func score(item: JSONNode, answer: String) throws(GraderRefusal) -> Double {
        switch kind {
        case .stringCheck(let operation, let input, let reference):
            let (found, wanted) = (
                try input.text(item: item, answer: answer), try reference.text(item: item, answer: answer)
            )
            let holds =
                switch operation {
                case .equal: found == wanted
                case .unequal: found != wanted
                case .contains: found.contains(wanted)
                case .containsIgnoringCase: found.lowercased().contains(wanted.lowercased())
                }
            return holds ? 1 : 0
        case .textSimilarity(let metric, let input, let reference):
            return Self.score(
                metric, try input.text(item: item, answer: answer),
                try reference.text(item: item, answer: answer))
        case .json(let input, let reference):
            let found = try input.text(item: item, answer: answer)
            guard let reference else { return AnswerFields.isValid(found) ? 1 : 0 }
            return AnswerFields.equality(found, try reference.text(item: item, answer: answer))
        case .multi(let graders, let formula):
            var scores: [String: Double] = [:]
            for grader in graders { scores[grader.name] = try grader.score(item: item, answer: answer) }
            return formula.value(scores)
        }
    }

    private static func score(_ metric: Metric, _ answer: String, _ reference: String) -> Double {
        switch metric {
        case .exactMatch: TextMeasures.exactMatch(answer, reference)
        case .tokenF1: TextMeasures.tokenF1(answer, reference)
        case .fuzzyMatch: TextMeasures.fuzzyMatch(answer, reference)
        case .bleu: BLEU.ofSentence(answer, reference) / 100
        case .rouge1: TextMeasures.rouge(1, answer, reference)
        case .rouge2: TextMeasures.rouge(2, answer, reference)
        case .rouge3: TextMeasures.rouge(3, answer, reference)
        case .rouge4: TextMeasures.rouge(4, answer, reference)
        case .rouge5: TextMeasures.rouge(5, answer, reference)
        case .rougeL: TextMeasures.rougeL(answer, reference)
        }
    }
}
