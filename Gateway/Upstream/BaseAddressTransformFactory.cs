using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Upstream;

/// <summary>
/// The transform <c>{ "BaseAddress": "WithoutVersion" }</c>: removes a trailing <c>/v1</c> from the destination's address, for paths that
/// OpenRouter serves outside of <c>/v1</c> (<c>/api/beta/…</c>, <c>/api/alpha/…</c>). Both kinds of paths can then use one cluster.
/// </summary>
internal sealed class BaseAddressTransformFactory : ITransformFactory
{
    /// <summary>
    /// <c>WithoutVersion</c> removes the last <c>/v1</c> from the destination's address, for endpoints that upstream serves beside it.
    /// </summary>
    public const string Key = "BaseAddress";

    private const string WithoutVersion = "WithoutVersion";
    private const string Version = "/v1";

    public bool Validate(TransformRouteValidationContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (!transformValues.TryGetValue(Key, out var value))
        {
            return false;
        }

        if (!string.Equals(value, WithoutVersion, StringComparison.OrdinalIgnoreCase) || transformValues.Count > 1)
        {
            context.Errors.Add(new ArgumentException(
                $"Unexpected value for {Key}: '{value}'. Expected '{WithoutVersion}' and no other value."));
        }

        return true;
    }

    public bool Build(TransformBuilderContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (!transformValues.ContainsKey(Key))
        {
            return false;
        }

        context.AddRequestTransform(static transform =>
        {
            transform.DestinationPrefix = Strip(transform.DestinationPrefix);
            return default;
        });
        return true;
    }

    internal static string Strip(string address)
    {
        var trimmed = address.AsSpan().TrimEnd('/');
        return trimmed.EndsWith(Version, StringComparison.OrdinalIgnoreCase) ? trimmed[..^Version.Length].ToString() : address;
    }
}
