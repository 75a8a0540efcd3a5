import JSON
import ServingAPI
import Testing

@Suite struct RateLimitTests {
    @Test func requestsComeBackEvenly() throws {
        var allowance = RateAllowance(RateLimit(requestsPerMinute: 60), now: 100)
        for _ in 0..<60 { try allowance.take("key a", now: 100) }
        #expect { try allowance.take("key a", now: 100) } throws: { error in
            let error = error as? APIError
            return error?.status == 429 && error?.code == "rate_limit_exceeded" && error?.retryAfter == 1
                && error?.type == "rate_limit_error"
        }
        try allowance.take("key a", now: 101)
        #expect(throws: APIError.self) { try allowance.take("key a", now: 101.5) }
        // A clock that stands gives nothing back.
        #expect(throws: APIError.self) { try allowance.take("key a", now: 90) }
        for _ in 0..<60 { try allowance.take("key a", now: 1_000) }
        #expect(throws: APIError.self) { try allowance.take("key a", now: 1_000) }
    }

    @Test func tokensAreTakenOffWhenTheyAreKnown() throws {
        var allowance = RateAllowance(RateLimit(tokensPerMinute: 600, tokensPerDay: 2_000), now: 0)
        try allowance.take("deployment a", now: 0)
        allowance.charge(tokens: 1_200, now: 0)
        // 600 fewer than none: one comes back every 0.1 s.
        #expect { try allowance.take("deployment a", now: 0) } throws: { ($0 as? APIError)?.retryAfter == 61 }
        try allowance.take("deployment a", now: 61)
        allowance.charge(tokens: 900, now: 61)
        #expect { try allowance.take("deployment a", now: 300) } throws: { ($0 as? APIError)?.code == "insufficient_quota" }
    }

    @Test func headersSayWhatIsLeft() throws {
        var allowance = RateAllowance(RateLimit(requestsPerMinute: 10, tokensPerMinute: 100), now: 0)
        try allowance.take("a", now: 0)
        allowance.charge(tokens: 250, now: 0)
        let headers = Dictionary(allowance.headers(now: 0).map { ($0.name, $0.value) }) { first, _ in first }
        #expect(headers["x-ratelimit-limit-requests"] == "10" && headers["x-ratelimit-remaining-requests"] == "9")
        #expect(headers["x-ratelimit-reset-requests"] == "6s" && headers["x-ratelimit-remaining-tokens"] == "0")
        #expect(headers["x-ratelimit-reset-tokens"] == "2m30s")
        var free = RateAllowance(RateLimit(), now: 0)
        #expect(free.headers(now: 0).isEmpty)
        var wide = RateAllowance(RateLimit(requestsPerMinute: 1_000), now: 0)
        let tighter = RateAllowance.tighter(wide.headers(now: 0), allowance.headers(now: 0))
        #expect(tighter.first { $0.name == "x-ratelimit-limit-requests" }?.value == "10" && tighter.count == 6)
    }

    @Test(arguments: [
        ("support", "support", true), ("support", "*", true), ("support", "sup*", true), ("support", "*p*t", true),
        ("support", "sup", false),
        ("support", "*x*", false), ("", "*", true), ("", "", true), ("a", "", false), ("aab", "*ab", true), ("abc", "a*c*", true),
    ]) func namesFitPatterns(_ name: String, _ pattern: String, _ fits: Bool) { #expect(NamePattern.fits(name, pattern) == fits) }

    @Test func requestsAboutTokensAreRead() throws {
        func read(_ text: String) throws -> TokenRequest { try TokenRequest.tokenize(try JSONParser().parse(text)) }
        #expect(try read(#"{"prompt": "a", "add_special_tokens": false}"#).model == nil)
        #expect(try read(#"{"model": "m", "content": "a"}"#).prompt["add_special_tokens"]?.bool == true)
        #expect(try read(#"{"messages": [{"role": "user", "content": "a"}]}"#).prompt["messages"] != nil)
        for text in [
            #"{}"#, #"{"content": "a", "prompt": "b"}"#, #"{"content": 5}"#, #"{"content": "a", "more": 1}"#, #"{"messages": []}"#,
        ] {
            #expect(throws: APIError.self, "\(text)") { try read(text) }
        }
        #expect(throws: APIError.self) { try TokenRequest.detokenize(["tokens": ["a"]]) }
        #expect(try TokenRequest.detokenize(["tokens": [1, 2], "model": "m"]).prompt.array?.count == 2)
    }
}

@Suite struct FileExpiryTests {
    @Test func aFileGoesAfterTheSecondsThatAreSaid() throws {
        #expect(try FileExpiry.seconds(["purpose": "fine-tune"]) == nil)
        #expect(try FileExpiry.seconds(["expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"]) == 3_600)
        for fields in [
            ["expires_after[anchor]": "created_at"], ["expires_after[anchor]": "now", "expires_after[seconds]": "3600"],
            ["expires_after[anchor]": "created_at", "expires_after[seconds]": "5"],
            ["expires_after[anchor]": "created_at", "expires_after[seconds]": "x"],
            ["expires_after": "3600"],
        ] { #expect(throws: APIError.self, "\(fields)") { try FileExpiry.seconds(fields) } }
    }
}
