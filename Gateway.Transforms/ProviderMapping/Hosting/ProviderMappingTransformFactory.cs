using Yarp.ReverseProxy.Transforms.Builder;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Builds the transform that a route declares as <c>{ "ProviderMapping": "NAME" }</c>, where NAME is a rule set.</summary>
internal sealed class ProviderMappingTransformFactory(ProviderMappingPipeline pipeline, RuleSetResolver ruleSets) : ITransformFactory
{
    /// <summary>Rewrites the body of the route's requests. The value names the set of rules; the gateway has <c>Default</c>.</summary>
    public const string Key = "ProviderMapping";

    public bool Validate(TransformRouteValidationContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (!transformValues.TryGetValue(Key, out var name))
        {
            return false;
        }

        if (transformValues.Count > 1)
        {
            context.Errors.Add(new ArgumentException(
                $"Route '{context.Route.RouteId}': the transform {Key} takes no parameter besides the name of a rule set."));
        }

        if (ruleSets.Find(name) is null)
        {
            var known = string.Join(", ", ruleSets.Names.Select(static known => $"'{known}'"));
            context.Errors.Add(new ArgumentException(
                $"Route '{context.Route.RouteId}': unexpected value for {Key}: '{name}'. Expected the name of a rule set: {known}."));
        }

        if (!pipeline.HasMiddleware)
        {
            context.Errors.Add(new InvalidOperationException(
                $"Route '{context.Route.RouteId}' has the transform {Key}, but the pipeline does not read its body: call "
                + $"{nameof(ProviderMappingExtensions.UseProviderMapping)} in MapReverseProxy."));
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
