"""From a folder of pictures to a recipe that fits them: look, advise, write."""
