from django.urls import path

from . import views

app_name = "books"

urlpatterns = [
    path("", views.Books.as_view(), name="list"),
    path("token", views.token, name="token"),
    path("export", views.export, name="export"),
    path("about", views.about, name="about"),
    path("broken", views.broken, name="broken"),
    path("<int:number>", views.show, name="show"),
    path("<int:number>/lend", views.lend, name="lend"),
]
