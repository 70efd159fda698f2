namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The facts about the prompt in a body that determine its size and its price. The default is a prompt of text.</summary>
/// <param name="MediaParts">The number of objects whose <c>type</c> says that they are an image, a recording, a video or a document.</param>
/// <param name="Documents">
/// The number of those objects that are a file or a document, whose pages a provider or OpenRouter may read. A document whose source is text
/// of the body has no pages.
/// </param>
/// <param name="WritesCache">Whether an object has a member <c>cache_control</c>.</param>
/// <param name="WritesLongCache">Whether an object has a <c>ttl</c> other than the shortest, five minutes.</param>
/// <param name="LongStrings">The strings that may be the data of a media part; <see langword="null"/> if there are none.</param>
internal readonly record struct PromptFacts(
    int MediaParts, int Documents, bool WritesCache, bool WritesLongCache, IReadOnlyList<LongString>? LongStrings);
