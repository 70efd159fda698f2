namespace Gateway.Teams;

/// <summary>The limits of a team or of a key. <see langword="null"/> means no limit.</summary>
/// <param name="Holder">The key of the counters, which are kept across reloads: <c>team:search</c>, <c>key:search/ci</c>.</param>
/// <param name="RequestsPerMinute">Requests per minute; also the burst.</param>
/// <param name="TokensPerMinute">Prompt and completion tokens per minute; also the burst.</param>
/// <param name="ConcurrentRequests">Requests in flight.</param>
internal readonly record struct LimitScope(string Holder, int? RequestsPerMinute, int? TokensPerMinute, int? ConcurrentRequests);
