/// What work costs, and what is refused.
extension Interpreter {
    func step() throws(TemplateError) { try take(1) }

    func take(_ count: Int) throws(TemplateError) {
        steps = steps &+ count
        guard steps <= limits.steps else {
            var error = failure("SecurityError", "the template takes more than \(limits.steps) steps")
            error.isOutOfSteps = true
            throw error
        }
    }

    /// Counts work that looks at every character of so many bytes.
    func charge(_ byteCount: Int) throws(TemplateError) { try take(byteCount / 16) }

    /// Counts work that copies or searches so many bytes.
    func chargeCopy(_ byteCount: Int) throws(TemplateError) { try take(byteCount / 64) }

    /// Counts work on whole numbers that goes by the square of their length.
    func chargeSquare(_ number: BigInteger) throws(TemplateError) { try take(number.limbs.count * number.limbs.count) }

    /// Refuses to make a text longer than allowed.
    func requireSize(_ byteCount: Int) throws(TemplateError) {
        if byteCount > limits.byteCount { throw failure("SecurityError", "the template makes more than \(limits.byteCount) bytes of text") }
    }

    /// Allows and counts a text that is about to be made.
    func requireText(_ byteCount: Int) throws(TemplateError) {
        try requireSize(byteCount)
        try chargeCopy(byteCount)
    }

    /// Allows and counts a list that is about to be made.
    func requireCount(_ count: Int) throws(TemplateError) {
        if count > limits.elementCount {
            throw failure("SecurityError", "the template makes a list of more than \(limits.elementCount) elements")
        }
        try take(count / 4)
    }

    /// Refuses names of a namespace's attributes that begin as Python's own do, as transformers
    /// does.
    func requireOpen(_ name: String) throws(TemplateError) {
        guard name.hasPrefix("_") else { return }
        throw failure(
            "SecurityError",
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got \(PythonText.quoted(name)). Please rename the attribute."
        )
    }

    func requireHashable(_ value: TemplateValue) throws(TemplateError) {
        if let text = value.text { try charge(text.utf8.count) }
        if !TemplateKey.isHashable(value) { throw failure("TypeError", "unhashable type: '\(value.typeName)'") }
    }

    /// Refuses values nested so deeply that going through them, or letting them go, could exhaust
    /// the stack.
    func requireShallow(_ value: TemplateValue, _ depth: Int = 0) throws(TemplateError) {
        let children: [TemplateValue]
        switch value {
        case .list(let elements), .tuple(let elements): children = elements
        case .dictionary(let dictionary): children = dictionary.entries.map(\.value)
        case .view(let view): children = view.elements
        case .object(let object): children = Array(object.attributes.values)
        default: return
        }
        guard depth < limits.valueDepth else {
            throw failure("RecursionError", "a value is nested more than \(limits.valueDepth) levels deep")
        }
        visits += 1
        if visits % 4 == 0 { try step() }
        for child in children { try requireShallow(child, depth + 1) }
    }
}
