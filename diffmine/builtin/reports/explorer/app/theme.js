// Light, dark, or as the system has it.

const ORDER = ["system", "light", "dark"];
const TITLES = { system: "as the system has them", light: "light", dark: "dark" };
const KEY = "diffmine-colours";

/** Make a button switch the colours; the choice is kept where the browser lets a page keep anything. */
export function buildTheme(button) {
  const show = (choice) => {
    document.documentElement.dataset.theme = choice;
    button.dataset.theme = choice;
    button.setAttribute("aria-label", `Colours: ${TITLES[choice]}`);
    button.title = `Colours: ${TITLES[choice]}`;
  };
  show(remembered());
  button.addEventListener("click", () => {
    const choice = ORDER[(ORDER.indexOf(button.dataset.theme) + 1) % ORDER.length];
    show(choice);
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // A page from disk may have no storage; the choice then lasts as long as the page.
    }
  });
}

function remembered() {
  try {
    const choice = localStorage.getItem(KEY);
    return ORDER.includes(choice) ? choice : "system";
  } catch {
    return "system";
  }
}
