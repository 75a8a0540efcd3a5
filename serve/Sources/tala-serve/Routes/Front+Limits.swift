import Hummingbird
import JSON
import ServingAPI

/// Limits of requests and tokens: of the deployment, and of the key.
extension Front {
    /// What a request has been taken off, and where its tokens will be.
    struct Allowance: Sendable {
        var deployment: String
        var names: [String]
        /// Headers of the answer.
        var headers: [(name: String, value: String)]

        /// A response with the headers.
        func marked(_ response: Response) -> Response {
            var response = response
            for (name, value) in headers { response.headers[Front.field(name)] = value }
            return response
        }
    }

    /// Takes a request off the limits.
    /// - Throws: ``APIError``, 429.
    func allowance(_ deployment: Deployments.Served, _ call: Call) throws(APIError) -> Allowance {
        let own = RateLimit(
            requestsPerMinute: deployment.settings["requests_per_minute"]?.integer,
            tokensPerMinute: deployment.settings["tokens_per_minute"]?.integer)
        let limits = [("deployment \(deployment.name)", own), ("key \(call.asker.name)", call.asker.limit)]
        return Allowance(
            deployment: deployment.name, names: limits.map(\.0), headers: try limiter.take(limits.map { (name: $0.0, limit: $0.1) }))
    }

    /// Counts what a request came to.
    func count(_ allowance: Allowance, prompt: Int, answer: Int) async {
        limiter.charge(allowance.names, tokens: prompt + answer)
        await deployments.count(allowance.deployment, tokens: answer)
    }
}
