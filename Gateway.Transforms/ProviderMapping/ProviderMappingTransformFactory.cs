using Yarp.ReverseProxy.Transforms.Builder;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Makes <c>{ "ProviderMapping": "Default" }</c> a transform that can be declared on a route.</summary>
internal sealed class ProviderMappingTransformFactory(RequestBodyStep step) : ITransformFactory
{
    public const string Key = "ProviderMapping";

    private const string Default = "Default";

    public bool Validate(TransformRouteValidationContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (!transformValues.TryGetValue(Key, out var value))
        {
            return false;
        }

        if (!string.Equals(value, Default, StringComparison.OrdinalIgnoreCase) || transformValues.Count > 1)
        {
            context.Errors.Add(new ArgumentException(
                $"Route '{context.Route.RouteId}': unexpected value for {Key}: '{value}'. Expected '{Default}' and nothing beside it."));
        }

        if (!step.IsInPipeline)
        {
            context.Errors.Add(new InvalidOperationException(
                $"Route '{context.Route.RouteId}' carries the transform {Key}, but nothing reads its body: call {nameof(ProviderMappingExtensions.UseProviderMapping)} "
                + "in MapReverseProxy."));
        }

        return true;
    }

    public bool Build(TransformBuilderContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (!transformValues.ContainsKey(Key))
        {
            return false;
        }

        context.RequestTransforms.Add(ProviderMappingTransform.Instance);
        return true;
    }
}
