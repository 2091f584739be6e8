// Light or dark, before the first paint: what was chosen on this page, or else the system's.
// A plain script, because a module would run after the page had flashed in the other colors.
"use strict";
{
  const themes = ["system", "light", "dark"];
  const remembered = () => {
    try {
      return localStorage.getItem("minigan-theme");
    } catch {
      return null;
    } // storage is off
  };
  const wear = (theme) => {
    if (theme === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = theme;
  };
  let theme = themes.includes(remembered()) ? remembered() : "system";
  wear(theme);
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => {
      const word = { system: "as the system", light: "light", dark: "dark" }[theme];
      button.textContent = { system: "Auto", light: "Light", dark: "Dark" }[theme];
      button.setAttribute("aria-label", `${button.textContent}: colors ${word}`);
      button.title = `Colors: ${word}`;
    };
    say();
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try {
        localStorage.setItem("minigan-theme", theme);
      } catch {
        /* not remembered, then */
      }
      wear(theme);
      say();
      dispatchEvent(new Event("minigan-theme"));
    });
  });
}
