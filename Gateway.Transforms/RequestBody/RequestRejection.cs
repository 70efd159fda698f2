namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Why a request is answered by the proxy itself instead of being forwarded. The host writes it in the dialect of its route.
/// </summary>
/// <param name="Status">HTTP status: 400, 403, 408, 413 or 415.</param>
/// <param name="Code">A stable word for programs, such as <c>invalid_json</c>.</param>
/// <param name="Message">A sentence for people; never quotes the body.</param>
/// <param name="Param">The member of the body at fault, or <see langword="null"/>.</param>
public sealed record RequestRejection(int Status, string Code, string Message, string? Param = null);
