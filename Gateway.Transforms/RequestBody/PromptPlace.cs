namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The kind of an object or array by its way from the root. Media parts are searched in conversations only: elsewhere, as in the input of a
/// tool call or in a schema, upstream gives an object to the model as text, regardless of its <c>type</c>.
/// </summary>
internal enum PromptPlace : byte
{
    /// <summary>Outside of conversations.</summary>
    None,

    /// <summary>The body.</summary>
    Root,

    /// <summary>The array <c>messages</c> or <c>input</c> of the body.</summary>
    Conversation,

    /// <summary>A message, or a part of one.</summary>
    Part,

    /// <summary>The array of a part's parts: <c>content</c>, <c>output</c> or <c>images</c>.</summary>
    Parts,

    /// <summary>The object of a part that holds its data, such as <c>image_url</c>.</summary>
    Data,
}
