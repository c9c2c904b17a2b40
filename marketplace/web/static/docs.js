// Starts Swagger UI on the description that the page names.
window.addEventListener("DOMContentLoaded", () => {
  const container = document.getElementById("swagger-container");
  window.ui = SwaggerUIBundle({
    url: container.dataset.schema,
    domNode: container,
    deepLinking: true,
    validatorUrl: null, // the validator's badge would come from another server
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  });
});
