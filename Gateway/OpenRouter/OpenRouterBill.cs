namespace Gateway.OpenRouter;

/// <summary>The result of a request for the bill of a call.</summary>
/// <typeparam name="T">The type of a bill.</typeparam>
/// <param name="Value">The bill; <see langword="null"/> if no destination returned one.</param>
/// <param name="IsMissing">
/// Whether a 404 proves that the call has no bill: the responding destination served the call, or no other destination of its cluster can
/// have served it.
/// </param>
/// <param name="IsAnswered">
/// Whether the clock of the bill advances: a destination that can know the bill sent a 200 or a 404 with JSON, or no configured destination
/// may be asked. The error page of an intermediary is no answer.
/// </param>
internal readonly record struct OpenRouterBill<T>(T? Value, bool IsMissing, bool IsAnswered)
    where T : class;
