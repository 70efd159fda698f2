namespace Gateway.Teams;

/// <summary>What one holder of limits, a team or a key, may use. <see langword="null"/> is no limit.</summary>
/// <param name="Holder">Who: <c>team:search</c>, <c>key:search/ci</c>. Counters go by it and outlive a reload.</param>
/// <param name="RequestsPerMinute">Requests a minute; that many at once after a pause.</param>
/// <param name="TokensPerMinute">Tokens a minute, prompt and completion; that many at once after a pause.</param>
/// <param name="ConcurrentRequests">Requests in flight.</param>
internal readonly record struct LimitScope(string Holder, int? RequestsPerMinute, int? TokensPerMinute, int? ConcurrentRequests);
