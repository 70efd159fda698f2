namespace Gateway.Catalogue;

/// <summary>The lists of models that are edited at the moment leave no memory for another one.</summary>
internal sealed class CatalogueMemoryException() : Exception("Too many lists of models are edited at the moment.");
